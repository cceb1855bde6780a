"""What k8s/ and the launcher's manifests are worth on a real control plane."""
