"use strict";
// The picture of video B over that of A, moved and scaled so that the hips and the lengths of the trunks agree.
Report.ghost = (() => {
  const STRENGTH = 0.5;

  // The pixels that skeletons refer to, or else those of the video.
  const sizeOf = ({ data, video }) => data.skeleton?.size ?? [video.videoWidth, video.videoHeight];

  // What paints the ghost on the canvas of A, and words on how it lies. `ta` and `tb` are the moments of A and B.
  const place = (a, b, ta, tb) => {
    const [[width], [ghostWidth, ghostHeight]] = [a, b].map(sizeOf);
    const [here, there] = [[a, ta], [b, tb]].map(([side, t]) => (side.data.skeleton ? Report.overlay.people(side.data.skeleton, t) : []));
    const who = here.findIndex((person, i) => person && there[i]);
    const scale = who < 0 ? width / ghostWidth : here[who].torso / there[who].torso;
    const [x, y] = who < 0 ? [0, 0] : ["x", "y"].map((axis) => here[who][axis] - scale * there[who][axis]);
    const paint = (context) => {
      const pixel = context.canvas.width / width;
      context.globalAlpha = STRENGTH;
      context.drawImage(b.video, x * pixel, y * pixel, ghostWidth * scale * pixel, ghostHeight * scale * pixel);
      context.globalAlpha = 1;
    };
    return { paint, said: who < 0 ? "Hips are not detected: the edges of the pictures are together" : "Hips together" };
  };
  return { place };
})();
