"""A capture to take away: one packet between two pods, as it is and in each tunnel."""

import base64
import html
from dataclasses import dataclass

from k8snet_lessons.datapath.cni import build_frame, to_pcap
from k8snet_lessons.figures.tables import Table

ENCAPSULATIONS = ("none", "vxlan", "geneve", "ipip")


@dataclass(frozen=True)
class Capture:
    """A pcap file's bytes, and what is in it.

    Parameters
    ----------
    name : str
        File name offered for the download.
    pcap : bytes
    contents : Table
    """

    name: str
    pcap: bytes
    contents: Table

    def __repr__(self) -> str:
        return f"{self.contents}\n{self.name}: {len(self.pcap)} bytes (Capture.pcap)"

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.pcap).decode()
        name = html.escape(self.name, quote=True)
        return (
            f"{self.contents._repr_html_()}<p><a download='{name}' "
            f"href='data:application/vnd.tcpdump.pcap;base64,{data}'>Download {name}</a> "
            f"({len(self.pcap)} bytes)</p>"
        )


def capture(encapsulations: tuple[str, ...] = ENCAPSULATIONS) -> Capture:
    """Return a capture of the lesson's packet, once for each encapsulation."""
    frames = [build_frame(None, name) for name in encapsulations]
    rows = tuple(
        (str(place), name, str(len(frame.data)))
        for place, (name, frame) in enumerate(zip(encapsulations, frames, strict=True), 1)
    )
    contents = Table(("frame", "encapsulation", "bytes of the frame"), rows)
    return Capture("k8snet-encapsulations.pcap", to_pcap(frames), contents)
