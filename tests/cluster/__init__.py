"""A Kubernetes cluster for the tests, without Docker: a real control plane, fake GPU nodes, and MinIO.

etcd, the API server, the controller manager and the scheduler are the real programs, built from source by binaries.py.
kwok stands in for the kubelets: stages/ says what it makes of a pod, endings.py how a test chooses that, and kubelet.py
serves its log. plugin.py has the fixtures; `python -m tests.cluster` starts the same for a person.
"""
