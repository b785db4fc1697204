"""The capture of lesson 6 can be read back, and its frames differ by the tunnels' overhead."""

import io

import dpkt

from k8snet_lessons.figures.capture import capture


def test_the_capture_reads_back_and_counts_the_overhead():
    found = capture()
    frames = [data for _, data in dpkt.pcap.Reader(io.BytesIO(found.pcap))]
    assert [len(frame) - len(frames[0]) for frame in frames] == [0, 50, 50, 20]
    assert [row[2] for row in found.contents.rows] == [str(len(frame)) for frame in frames]


def test_the_download_carries_the_whole_file():
    page = capture()._repr_html_()
    assert "download='k8snet-encapsulations.pcap'" in page
    assert str(len(capture().pcap)) in page
