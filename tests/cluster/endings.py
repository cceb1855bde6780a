"""How a test chooses what becomes of a fake node's pods: the annotations that stages/ reads.

An unschedulable pod needs none of them: ask for more GPUs than there are.
"""

_PREFIX = "test.emotion-grid/"


def ends(
    exit_code: int = 0,
    *,
    after_seconds: float = 0.0,
    reason: str | None = None,
    message: str | None = None,
    sigterm_exit_code: int | None = None,
    sigterm_seconds: float | None = None,
) -> dict[str, str]:
    """A pod that runs for `after_seconds` and exits, or is deleted before and then handles SIGTERM as told.

    `reason` is the containers' (the default is Completed or Error). `sigterm_exit_code` is by default 143, that of a
    program that does not handle the signal; `sigterm_seconds` is how long it takes over it.
    """
    return _annotations(
        {
            "exit-code": exit_code,
            "delay-seconds": after_seconds,
            "reason": reason,
            "message": message,
            "sigterm-exit-code": sigterm_exit_code,
            "sigterm-delay-seconds": sigterm_seconds,
        }
    )


def runs_on(*, sigterm_exit_code: int | None = None, sigterm_seconds: float | None = None) -> dict[str, str]:
    """A pod that runs until somebody deletes it, or gives it another ending (Cluster.end_pod)."""
    day = 86_400.0
    return ends(after_seconds=day, sigterm_exit_code=sigterm_exit_code, sigterm_seconds=sigterm_seconds)


def out_of_memory(*, exit_code: int = 137, after_seconds: float = 0.0) -> dict[str, str]:
    """A pod that the kernel kills. Exit code 0 is that of a shell which survived its killed child."""
    return ends(exit_code, after_seconds=after_seconds, reason="OOMKilled")


def evicted(*, after_seconds: float = 0.0, message: str = "The node was low on resource: memory.") -> dict[str, str]:
    """A pod that its kubelet evicts; an eviction through the API needs no annotation, only the request."""
    return ends(137, after_seconds=after_seconds, message=message) | _annotations(
        {"disruption": "TerminationByKubelet"}
    )


def never_starts(reason: str = "ImagePullBackOff", message: str | None = None) -> dict[str, str]:
    """A scheduled pod whose containers wait for ever, for the `reason` that the kubelet gives."""
    return _annotations({"waiting": reason, "message": message})


def _annotations(values: dict[str, object]) -> dict[str, str]:
    return {f"{_PREFIX}{name}": str(value) for name, value in values.items() if value is not None}
