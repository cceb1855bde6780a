"""What a campaign raises."""


class CampaignFailed(Exception):
    """It cannot measure: something other than its faults went wrong, and the message says what."""
