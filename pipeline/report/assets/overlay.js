"use strict";
// Skeletons on a canvas over the video, in the pixels of the picture.
Report.overlay = (() => {
  const limbs = [[5, 7], [7, 9], [6, 8], [8, 10], [5, 6], [5, 11], [6, 12], [11, 12], [11, 13], [13, 15], [12, 14], [14, 16], [0, 5], [0, 6]];
  const MARGIN = 0.2, LEAST = 0.2, MOST = 0.9; // of the people's size; smallest such size, and largest part worth a crop, of the picture
  const confident = 20; // hundredths of score below which a joint is drawn faint

  const LARGEST = 4096; // pixels of a canvas over an enlarged picture

  const nearest = (times, t) => {
    const i = d3.bisectCenter(times, t);
    return times.length && Math.abs(times[i] - t) < 0.5 ? i : -1;
  };

  // The joints at `t`, on a line between those of the nearest two frames with people, if these are close.
  const CLOSE = 0.09; // seconds: two frames of 25 a second
  const between = ({ t: times, points }, frame, t) => {
    const flat = points[frame], next = frame + Math.sign(t - times[frame]), other = points[next], apart = Math.abs(times[next] - times[frame]);
    if (!other || !(apart > 0 && apart < CLOSE)) return flat;
    const part = Math.abs(t - times[frame]) / apart, detected = (i) => Math.min(flat[i - (i % 3) + 2], other[i - (i % 3) + 2]) >= 0;
    return flat.map((v, i) => (i % 3 < 2 && detected(i) ? v + part * (other[i] - v) : v));
  };

  // `arcs` are the angles to draw: { arc: [person, points], value in degrees }. `bodies`: whether to draw skeletons.
  // `joints` are [person, joint] to mark with rings. `under` draws on the context before the skeletons.
  const draw = (canvas, skeleton, t, { arcs = [], bodies = true, joints = [], under = null } = {}) => {
    const context = fit(canvas);
    under?.(context);
    if (!skeleton || t === null) return;
    const frame = nearest(skeleton.t, t);
    if (frame < 0) return;
    const scale = canvas.width / skeleton.size[0];
    const stroke = strokeOf(canvas);
    const flat = between(skeleton, frame, t);
    for (let agent = 0; agent < flat.length / 51; agent += 1) {
      const joint = (k) => {
        const [x, y, score] = flat.slice(51 * agent + 3 * k, 51 * agent + 3 * k + 3);
        return { x: (x / 10) * scale, y: (y / 10) * scale, score };
      };
      const colour = Report.css(`--a${agent % 4}`);
      if (bodies) body(context, joint, colour, stroke);
      for (const { arc: [person, points], value } of arcs) if (person === agent) angle(context, joint, points, value, colour, stroke);
      for (const [person, k] of joints) if (person === agent) ring(context, joint(k), stroke);
    }
  };

  // The part of the picture with all people, or with `one`, at `t` or at any time, as [left, top, width, height] in shares of it, with a
  // margin. Null where nobody is detected, or where the people are nearly everywhere.
  const around = ({ points, t: times, size }, t = null, one = null) => {
    const everyone = t === null ? points.flat() : points[nearest(times, t)] ?? [], flat = one === null ? everyone : everyone.slice(51 * one, 51 * one + 51);
    const [x, y] = [0, 1].map((axis) => {
      const places = flat.filter((_, i) => i % 3 === axis && flat[i - axis + 2] >= confident / 2).sort(d3.ascending);
      return (t === null ? [0.01, 0.99] : [0, 1]).map((share) => d3.quantileSorted(places, share) / 10);
    });
    if (Number.isNaN(x[0])) return null;
    const margin = MARGIN * Math.max(x[1] - x[0], y[1] - y[0], LEAST * size[1]);
    const [left, top, right, bottom] = [x[0] - margin, y[0] - margin, x[1] + margin, y[1] + margin].map((v, i) => Report.clamp(v / size[i % 2], 0, 1));
    return t === null && Math.min(right - left, bottom - top) > MOST ? null : [left, top, right - left, bottom - top];
  };

  // Whether a marked joint is faint or not detected in most frames from one moment to another.
  const isUnsure = (skeleton, from, to, joints) => {
    if (!skeleton || !joints.length) return false;
    const middle = nearest(skeleton.t, (from + to) / 2), within = skeleton.points.filter((_, i) => i === middle || (skeleton.t[i] >= from && skeleton.t[i] <= to));
    return d3.mean(within, (flat) => joints.some(([person, k]) => flat[51 * person + 3 * k + 2] < confident)) > 0.5;
  };

  // The people at `t`: x and y of the hips and the usual length of the trunk in pixels; null where hips are not detected.
  const people = ({ points, t: times }, t) => {
    const middle = (flat, person, pair) => {
      const joints = pair.map((k) => flat.slice(51 * person + 3 * k, 51 * person + 3 * k + 3));
      return joints.some(([, , score]) => score < 0) ? null : [0, 1].map((axis) => d3.mean(joints, (joint) => joint[axis]) / 10);
    };
    const flat = points[nearest(times, t)] ?? [];
    return d3.range(flat.length / 51).map((person) => {
      const hips = middle(flat, person, [11, 12]);
      const torso = d3.median(points, (one) => {
        const [top, bottom] = [[5, 6], [11, 12]].map((pair) => middle(one, person, pair));
        return top && bottom ? Math.hypot(top[0] - bottom[0], top[1] - bottom[1]) : null;
      });
      return hips && torso ? { x: hips[0], y: hips[1], torso } : null;
    });
  };

  // White on black, so that it shows on any picture and is not an athlete's colour.
  const ring = (context, p, stroke) => {
    if (p.score < 0) return;
    for (const [style, width] of [["rgba(0,0,0,.75)", 2.4], ["#fff", 1.2]]) {
      context.beginPath();
      context.arc(p.x, p.y, stroke * 4.5, 0, 2 * Math.PI);
      context.strokeStyle = style;
      context.lineWidth = stroke * width;
      context.stroke();
    }
  };

  // A wedge and its degrees at the second point, between the first and the third point, or the vertical.
  const angle = (context, joint, points, value, colour, stroke) => {
    const places = points.map((joints) => joints.map(joint));
    if (value === null || places.flat().some((p) => p.score < 0)) return;
    const [first, middle, third] = places.map((all) => ({ x: d3.mean(all, (p) => p.x), y: d3.mean(all, (p) => p.y) }));
    const toward = (p) => Math.atan2(p.y - middle.y, p.x - middle.x);
    const from = toward(first), to = third ? toward(third) : -Math.PI / 2;
    const side = points.flat().every((j) => j % 2) && third ? -1 : 1; // angles of left joints have their text on the left
    wedge(context, middle, from, to, { text: `${Math.round(value)}°`, side, colour, stroke });
  };

  // The angle at `middle` between two directions, and its text on the left (-1) or right (1) `side`.
  const wedge = (context, middle, from, to, { text, side, colour, stroke, strength = 1 }) => {
    const radius = stroke * 7;
    context.beginPath();
    context.moveTo(middle.x, middle.y);
    context.arc(middle.x, middle.y, radius, from, to, Math.sin(to - from) < 0);
    context.closePath();
    context.globalAlpha = 0.6 * strength;
    context.fillStyle = colour;
    context.fill();
    context.globalAlpha = strength;
    label(context, text, middle.x + side * radius, middle.y, { side, stroke });
  };

  // White text that ends (-1) or begins (1) at a place.
  const label = (context, text, x, y, { side, stroke }) => {
    context.textAlign = side < 0 ? "right" : "left";
    context.font = `600 ${Math.max(12, stroke * 5)}px system-ui, sans-serif`;
    context.lineWidth = stroke * 1.5;
    context.strokeStyle = "rgba(0,0,0,.75)";
    context.strokeText(text, x, y);
    context.fillStyle = "#fff";
    context.fillText(text, x, y);
  };

  // Width of the lines on a canvas: the same on the screen however much its picture is enlarged.
  const strokeOf = (canvas) => {
    const shown = canvas.clientWidth ? canvas.parentElement.clientWidth / canvas.clientWidth : 1;
    return Math.max(2, (canvas.width * shown) / 260);
  };

  const body = (context, joint, colour, stroke) => {
    context.lineCap = "round";
    const line = (a, b, style, width) => {
      context.strokeStyle = style;
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(a.x, a.y);
      context.lineTo(b.x, b.y);
      context.stroke();
    };
    for (const [i, j] of limbs) {
      const a = joint(i), b = joint(j);
      if (a.score < 0 || b.score < 0) continue;
      context.globalAlpha = Math.min(a.score, b.score) < confident ? 0.35 : 1;
      line(a, b, "rgba(0,0,0,.55)", stroke * 2);
      line(a, b, colour, stroke);
    }
    for (let k = 0; k < 17; k += 1) {
      const p = joint(k);
      if (p.score < 0) continue;
      context.globalAlpha = p.score < confident ? 0.35 : 1;
      context.fillStyle = colour;
      context.beginPath();
      context.arc(p.x, p.y, stroke * 1.1, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
  };

  // The context of the canvas, which is cleared and has device pixels.
  const fit = (canvas) => {
    const ratio = window.devicePixelRatio || 1;
    const most = Math.min(ratio, LARGEST / Math.max(1, canvas.clientWidth));
    const width = Math.round(canvas.clientWidth * most), height = Math.round(canvas.clientHeight * most);
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    return context;
  };

  return { draw, isUnsure, people, around, wedge, label, strokeOf };
})();
