"""The evaluation, with the fork's two extra arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import cocoeval


class COCOeval(cocoeval.COCOeval):
    """pycocotools' evaluation, with `sigmas`: standard deviations of the joints in place of COCO's 17.

    Raises NotImplementedError: `use_area` is False, which the fork allows.
    """

    def __init__(
        self,
        cocoGt: Any = None,  # noqa: N803 - the fork's own names
        cocoDt: Any = None,  # noqa: N803
        iouType: str = "keypoints",  # noqa: N803
        sigmas: Sequence[float] | None = None,
        use_area: bool = True,
    ) -> None:
        if not use_area:
            raise NotImplementedError("this stand-in for xtcocotools evaluates with areas only")
        super().__init__(cocoGt, cocoDt, iouType)
        if sigmas is not None:
            self.params.kpt_oks_sigmas = np.asarray(sigmas)
