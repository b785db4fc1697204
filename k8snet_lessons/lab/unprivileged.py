"""Start over as the root of a user namespace of one's own, for whoever is not root."""

import os
import shutil
import subprocess
import sys

from k8snet_lessons.lab.needs import may_make_namespaces

_MARK = "K8SNET_LAB_USER_NAMESPACE"
# nft and iptables keep files under /run, which in there must be writable and one's own.
_PREPARE = 'mount -t tmpfs tmpfs /run 2>/dev/null; exec "$@"'


def enter_user_namespace() -> None:
    """Without root's rights, run the same command again inside a user and mount namespace.

    Most experiments run there; those that need the real root say so and are left out. Does
    nothing where they are there, in such a namespace already, or where none is allowed.
    """
    if may_make_namespaces() or os.environ.get(_MARK) or shutil.which("unshare") is None:
        return
    unshare = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        return
    again = [sys.executable, "-m", "k8snet_lessons", *sys.argv[1:]]
    os.execvpe(
        "unshare",
        [*unshare, "sh", "-c", _PREPARE, "sh", *again],
        {**os.environ, _MARK: "1", "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
    )
