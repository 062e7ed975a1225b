"""Videos: finding them, decoding them frame by frame, writing them, and embedding them in a page."""

from data.video.decoder import Frame, Picture, VideoInfo, decode, probe
from data.video.frame_folder import FrameFolder
from data.video.records import LABELS, Labels, Listing, Phase, Record
from data.video.video_search import VIDEO_SUFFIXES, find_videos
from data.video.web_media import embed_video, jpeg, key_frames
from data.video.writer import trim_video, write_video
