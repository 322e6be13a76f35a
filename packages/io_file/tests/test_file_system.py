import os
import subprocess

import pytest

from emel_io_file import entries, file_system

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /proc rw,nosuid shared:5 - proc proc rw
24 22 0:30 / /data rw - nfs4 server:/export rw,vers=4.2
25 24 0:31 / /data/near rw master:2 propagate_from:1 - xfs /dev/vdb rw
26 22 0:32 / /with\\040space\\134040 rw - fuse.sshfs me@host: rw
27 22 0:33 / /twice rw - cifs //server/share rw
28 27 0:34 / /twice rw - btrfs /dev/vdc rw
29 22 0:35 / /top rw - overlay overlay rw
30 22 0:36 / /top/deep rw - 9p host rw
31 29 0:37 / /top/deeper rw - tmpfs none rw
32 22 0:38 / /line\u2028sep\x0bend rw - ceph mon:/ rw
torn line
33 22 0:39 / /no-kind rw -
"""


def kind_of(path, text=MOUNTS):
    return file_system(path, mounts=lambda: text, real_path=lambda path: path)


@pytest.mark.behaviour("FILE-07")
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/m.gguf", "ext4"),
        ("/", "ext4"),
        ("/data", "nfs4"),
        ("/data/m.gguf", "nfs4"),
        ("/database/m.gguf", "ext4"),
        ("/data/near/m.gguf", "xfs"),
        ("/data/nearby/m.gguf", "nfs4"),
        ("/with space\\040/m.gguf", "fuse.sshfs"),
        ("/twice/m.gguf", "btrfs"),
        ("/top/m.gguf", "overlay"),
        ("/top/deeper/m.gguf", "tmpfs"),
        ("/top/deep/m.gguf", "overlay"),  # what was mounted before /top was is hidden by it
        ("/line\u2028sep\x0bend/m.gguf", "ceph"),
        ("/no-kind/m.gguf", "ext4"),
        ("m.gguf", ""),
    ],
)
def test_the_innermost_mount_that_can_be_seen_says_it(path, kind):
    assert kind_of(path) == kind


@pytest.mark.behaviour("FILE-07")
@pytest.mark.parametrize("text", ["", "\n", "garbage", "1 2 - \n"])
def test_nobody_says_it_where_there_is_no_table(text):
    assert kind_of("/m.gguf", text) == ""


@pytest.mark.behaviour("FILE-07")
def test_a_root_that_was_mounted_over_isnt_asked():
    text = "1 1 0:1 / / rw - rootfs rootfs rw\n2 1 8:1 / / rw - ext4 /dev/sda rw\n"

    assert kind_of("/m.gguf", text) == "ext4"


@pytest.mark.behaviour("FILE-07")
@pytest.mark.parametrize("error", [OSError(40, "loop"), ValueError("embedded null byte")])
def test_a_path_that_cant_be_followed_is_nowhere(error):
    def fail(path):
        raise error

    assert file_system("x", mounts=lambda: MOUNTS, real_path=fail) == ""


@pytest.mark.behaviour("FILE-07")
@pytest.mark.parametrize("name", ["m.gguf", "a\0b", "\ud800"])
def test_a_real_path_is_asked_without_an_exception(tmp_path, name):
    assert isinstance(file_system(str(tmp_path / name)), str)


@pytest.mark.behaviour("FILE-07")
def test_it_is_what_the_system_says(tmp_path):
    (tmp_path / "link").symlink_to("/dev/shm")  # noqa: S108 - a file system of its own
    for path in (tmp_path, "/dev/shm", "/proc"):  # noqa: S108
        said = subprocess.run(
            ["stat", "-f", "-c", "%T", path],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        family = {"ext2/ext3": "ext4", "overlayfs": "overlay"}.get(said, said)
        assert file_system(str(path)) == family
    assert file_system(str(tmp_path / "link" / "m")) == file_system("/dev/shm/m")  # noqa: S108


@pytest.mark.behaviour("FILE-07")
def test_the_names_in_a_folder_are_sorted_and_what_is_no_folder_has_none(tmp_path):
    for name in ("b", "a", ".hidden"):
        (tmp_path / name).touch()

    assert entries(str(tmp_path)) == (".hidden", "a", "b")
    assert entries(str(tmp_path / "a")) is None
    assert entries(str(tmp_path / "none")) is None
    os.mkdir(tmp_path / "empty")  # noqa: PTH102
    assert entries(str(tmp_path / "empty")) == ()


@pytest.mark.behaviour("FILE-07")
def test_a_folder_that_cant_be_listed_isnt_taken_for_none(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(PermissionError, match=str(tmp_path)):
        entries(str(tmp_path))
