"""Finds the outputs of a video in a cache whose keys a test does not know, and damages them."""

from pipeline.cache.output_cache import FAILURE, OUTPUT, stem_of


def outputs_of(cache, stage, video_id, ending=OUTPUT):
    """All outputs of a stage for a video, of every setting and content; or all failures."""
    stem = cache / stage / video_id
    return sorted(path for path in stem.parent.glob(f"*.{ending}") if stem_of(path) == stem)


def output_of(cache, stage, video_id):
    """The only output of a stage for a video."""
    (path,) = outputs_of(cache, stage, video_id)
    return path


def failure_of(cache, stage, video_id):
    """The only failure of a stage for a video."""
    (path,) = outputs_of(cache, stage, video_id, FAILURE)
    return path


def damage(cache, stage, video_id):
    """Flip a byte in every 50 of the second half of an output; returns its path."""
    path = output_of(cache, stage, video_id)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :: 50] = bytes(255 - byte for byte in content[len(content) // 2 :: 50])
    path.write_bytes(content)
    return path
