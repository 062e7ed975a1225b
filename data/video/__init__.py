"""Videos: finding them, decoding them frame by frame, writing them, and embedding them in a page."""

from data.video.decoder import Frame, Picture, VideoInfo, decode, probe
from data.video.frame_folder import FrameFolder
from data.video.media import embed_video, jpeg, key_frames, trim_video
from data.video.records import LABELS, VIDEO_SUFFIXES, Labels, Listing, Phase, Record, find_videos
from data.video.writer import write_video

__all__ = [
    "LABELS",
    "VIDEO_SUFFIXES",
    "Frame",
    "FrameFolder",
    "Labels",
    "Listing",
    "Phase",
    "Picture",
    "Record",
    "VideoInfo",
    "decode",
    "embed_video",
    "find_videos",
    "jpeg",
    "key_frames",
    "probe",
    "trim_video",
    "write_video",
]
