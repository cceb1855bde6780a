"""What a launcher is compared with: the same requests and nothing else.

Each is a program of its own, `python -m benchmarks.bare VERB ...`, that prints how many seconds its requests took.
Kubeconfig and the store's credentials come from the environment, as a launcher has them.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

PAGE = 500


def main() -> None:
    """Carry one verb out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bare", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    post = verbs.add_parser("post", help="POST each line of a file as a Job")
    post.add_argument("bodies", type=Path)
    post.add_argument("connections", type=int)
    read = verbs.add_parser("read", help="LIST the Jobs and pods of a selector, page by page, then the store")
    read.add_argument("selector")
    listing = verbs.add_parser("list", help="list the results")
    for verb in (post, read):
        verb.add_argument("namespace")
    for verb in (read, listing):
        verb.add_argument("uri")
    args = parser.parse_args()
    match args.verb:
        case "post":
            seconds = post_all(args.namespace, args.bodies, args.connections)
        case "read":
            seconds = read_all(args.namespace, args.selector, args.uri)
        case _:
            seconds = list_results(args.uri)
    sys.stdout.write(f"{seconds}\n")


def post_all(namespace: str, bodies: Path, connections: int) -> float:
    """Over as many pooled connections as threads. Raises RuntimeError for any answer but 201."""
    pool, jobs = _api(connections), f"/apis/batch/v1/namespaces/{namespace}/jobs"
    lines = bodies.read_bytes().splitlines()
    begun = time.perf_counter()
    with ThreadPoolExecutor(connections) as threads:
        for status in threads.map(lambda body: pool("POST", jobs, body).status, lines):
            if status != 201:
                raise RuntimeError(f"POST {jobs}: {status}")
    return time.perf_counter() - begun


def read_all(namespace: str, selector: str, uri: str) -> float:
    """Jobs, then pods, each page decoded and dropped; then the keys of results and attempts."""
    pool, store = _api(1), _store()
    begun = time.perf_counter()
    for path in (f"/apis/batch/v1/namespaces/{namespace}/jobs", f"/api/v1/namespaces/{namespace}/pods"):
        token = ""
        while True:
            query = f"labelSelector={quote(selector)}&limit={PAGE}&continue={quote(token)}"
            page = json.loads(pool("GET", f"{path}?{query}", None).data)
            if not (token := page["metadata"].get("continue", "")):
                break
    for prefix in ("results/", "attempts/"):
        for _ in _keys(store, uri, prefix):
            pass
    return time.perf_counter() - begun


def list_results(uri: str) -> float:
    """As `aws s3 ls --recursive` does it, a thousand keys to a page."""
    begun = time.perf_counter()
    for _ in _keys(_store(), uri, "results/"):
        pass
    return time.perf_counter() - begun


def _api(connections: int) -> Any:
    """method, path, body -> response, by the connection pool and the credentials that the launcher uses too."""
    from kubernetes import client, config

    configuration = client.Configuration()
    config.load_kube_config(client_configuration=configuration)
    configuration.proxy = None
    configuration.retries = False
    configuration.connection_pool_maxsize = connections
    pool = client.ApiClient(configuration).rest_client.pool_manager
    headers = {"Accept": "application/json", "Content-Type": "application/json"}

    def ask(method: str, path: str, body: bytes | None) -> Any:
        return pool.request(method, configuration.host + path, body=body, headers=headers)

    return ask


def _store() -> Any:
    import boto3

    return boto3.client("s3")


def _keys(store: Any, uri: str, prefix: str) -> Iterator[str]:
    place = urlsplit(uri)
    pages = store.get_paginator("list_objects_v2").paginate(
        Bucket=place.netloc, Prefix=f"{place.path.strip('/')}/{prefix}"
    )
    for page in pages:
        yield from (entry["Key"] for entry in page.get("Contents", []))


if __name__ == "__main__":
    main()
