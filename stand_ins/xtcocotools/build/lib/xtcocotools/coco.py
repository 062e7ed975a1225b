"""The annotation reader."""

from pycocotools.coco import COCO

__all__ = ["COCO"]
