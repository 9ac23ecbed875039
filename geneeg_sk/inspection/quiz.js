"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const [nChannels, nTimes] = data.shape;
  const seconds = nTimes / data.sfreq;
  const PX_PER_MM = 96 / 25.4; // as CSS defines it; no screen is exact
  const SENSITIVITIES = [1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000];
  const SPEEDS = [15, 30, 60, 0]; // mm/s; 0: as wide as there is room
  const AXIS = 18, SCALE = 46; // px below the traces
  const LABELS = data.pairs ? ["A", "B"] : ["real", "synthetic"];
  const set = { montage: 0, filter: 0, sensitivity: null, speed: 1, negativeUp: true };
  const answers = [];
  let screen = "start", current = 0, chosen = {}, began = 0, key = null, reader = "";

  // --- small things

  function element(tag, text, className) {
    const node = document.createElement(tag);
    if (text !== undefined) node.textContent = text;
    if (className) node.className = className;
    return node;
  }

  function bytes(base64) {
    return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  }

  function button(text, press, shortcut) {
    const node = element("button", text);
    node.type = "button";
    if (shortcut) node.append(element("span", shortcut, "key"));
    node.addEventListener("click", (event) => {
      press();
      if (event.detail) node.blur(); // after a click, Enter means "next" again
    });
    return node;
  }

  // --- signals: montage, then filter

  const raw = bytes(data.signals);
  const view = new DataView(raw.buffer);

  function windowsOf(question) {
    return data.pairs ? [2 * question, 2 * question + 1] : [question];
  }

  function channel(window, k) {
    const x = new Float64Array(nTimes), start = 2 * (window * nChannels + k) * nTimes;
    for (let t = 0; t < nTimes; t++) x[t] = view.getInt16(start + 2 * t, true) * data.step;
    return x;
  }

  function once(sections, zi, x) {
    // Direct form II transposed, starting as after a long constant of the first value.
    let y = x;
    sections.forEach(([b0, b1, b2, , a1, a2], s) => {
      const out = new Float64Array(y.length);
      let z0 = zi[s][0] * x[0], z1 = zi[s][1] * x[0];
      for (let t = 0; t < y.length; t++) {
        const v = y[t], w = b0 * v + z0;
        z0 = b1 * v - a1 * w + z1;
        z1 = b2 * v - a2 * w;
        out[t] = w;
      }
      y = out;
    });
    return y;
  }

  function filtered(x, { sos, zi }) {
    // Forward and backward, the window mirrored about its first and last points.
    const n = x.length;
    if (!sos.length || n < 2) return x;
    const long = new Float64Array(3 * n - 2);
    for (let t = 0; t < n - 1; t++) {
      long[t] = 2 * x[0] - x[n - 1 - t];
      long[2 * n - 1 + t] = 2 * x[n - 1] - x[n - 2 - t];
    }
    long.set(x, n - 1);
    const back = once(sos, zi, once(sos, zi, long).reverse()).reverse();
    return back.slice(n - 1, 2 * n - 1);
  }

  function traces(window) {
    const channels = Array.from({ length: nChannels }, (_, k) => channel(window, k));
    return data.montages[set.montage].traces.map(([label, chain, weights]) => {
      const x = new Float64Array(nTimes);
      for (const [k, w] of weights) for (let t = 0; t < nTimes; t++) x[t] += w * channels[k][t];
      return { label, chain, x: filtered(x, data.filters[set.filter]) };
    });
  }

  // --- drawing

  function layout() {
    const rows = data.montages[set.montage].traces;
    let level = 0;
    const levels = rows.map(([, chain], k) => {
      if (k) level += chain === rows[k - 1][1] ? 1 : 1.6;
      return level;
    });
    const room = (innerWidth > 800 ? Math.max(480, innerHeight - 120) : Math.min(520, Math.max(400, innerHeight - 290))) - AXIS - SCALE;
    const row = Math.min(130, Math.max(15, room / (level + 2)));
    return { levels, row, height: (level + 2) * row };
  }

  function pixelsPerSecond(room) {
    const fit = room / seconds;
    return SPEEDS[set.speed] ? Math.min(SPEEDS[set.speed] * PX_PER_MM, fit) : fit;
  }

  function draw() {
    const figures = [...$("eeg").children];
    if (!figures.length || screen === "start") return;
    const { levels, row, height } = layout();
    if (set.sensitivity === null) {
      const fair = (data.amplitude * PX_PER_MM) / row;
      const k = SENSITIVITIES.findIndex((s) => s >= fair);
      set.sensitivity = k < 0 ? SENSITIVITIES.length - 1 : k;
    }
    const perMicrovolt = PX_PER_MM / SENSITIVITIES[set.sensitivity];
    figures.forEach((figure, k) => {
      const canvas = figure.querySelector("canvas"), g = canvas.getContext("2d");
      const shown = traces(windowsOf(current)[k]);
      const size = figure.clientWidth < 500 ? 11 : 12, font = `${size}px system-ui, Arial, sans-serif`;
      g.font = font;
      const widest = Math.max(...shown.map((one) => g.measureText(one.label).width));
      const left = Math.ceil(Math.min(widest, 96)) + 8;
      const perSecond = pixelsPerSecond(figure.clientWidth - left - 6);
      const width = Math.max(left + perSecond * seconds + 6, Math.min(160, figure.clientWidth));
      const total = height + AXIS + SCALE, ratio = window.devicePixelRatio || 1;
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(total * ratio);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${total}px`;
      g.scale(ratio, ratio);
      g.font = font;
      grid(g, left, perSecond, height);
      g.fillStyle = "#1b1f24";
      g.textBaseline = "middle";
      shown.forEach((one, n) => g.fillText(one.label, 0, (levels[n] + 1) * row, left - 6));
      g.save();
      g.beginPath();
      g.rect(left, 0, perSecond * seconds, height);
      g.clip();
      g.strokeStyle = "#000";
      g.lineWidth = 1;
      g.lineJoin = "round";
      const sign = set.negativeUp ? perMicrovolt : -perMicrovolt;
      shown.forEach((one, n) => {
        g.beginPath();
        one.x.forEach((v, t) => g.lineTo(left + (t / data.sfreq) * perSecond, (levels[n] + 1) * row + sign * v));
        g.stroke();
      });
      g.restore();
      scales(g, left, perSecond, height, perMicrovolt);
      const what = data.pairs ? `Window ${LABELS[k]} of question` : "Window of question";
      canvas.setAttribute("aria-label", `${what} ${current + 1}: ${shown.length} traces of EEG, ${seconds} s`);
    });
    showSettings(figures[0]);
  }

  function grid(g, left, perSecond, height) {
    const line = (at, color) => {
      const x = Math.round(left + at * perSecond) + 0.5;
      g.strokeStyle = color;
      g.beginPath();
      g.moveTo(x, 0);
      g.lineTo(x, height);
      g.stroke();
    };
    g.lineWidth = 1;
    for (let k = 0; k * 0.2 <= seconds + 1e-6; k++) if (perSecond > 40) line(k * 0.2, "#eceff2");
    g.fillStyle = "#57606a";
    g.textBaseline = "top";
    for (let k = 0; k <= seconds + 1e-6; k++) {
      line(k, "#b9c1ca");
      g.textAlign = k ? (k + 0.3 > seconds ? "right" : "center") : "left";
      g.fillText(k ? `${k}` : "0 s", left + k * perSecond + (k ? (k + 0.3 > seconds ? 5 : 0) : -3), height + 3);
    }
    g.textAlign = "left";
  }

  function scales(g, left, perSecond, height, perMicrovolt) {
    const nice = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
    const microvolts = nice.filter((v) => v * perMicrovolt <= SCALE - 10).pop() || 1;
    const time = [0.2, 0.5, 1].filter((v) => v * perSecond <= 120 && v <= seconds).pop() || 0.1;
    const x = left + 1, bottom = height + AXIS + SCALE - 4, tall = microvolts * perMicrovolt;
    g.strokeStyle = g.fillStyle = "#1b1f24";
    g.lineWidth = 2;
    g.beginPath();
    g.moveTo(x, bottom - tall);
    g.lineTo(x, bottom);
    g.lineTo(x + time * perSecond, bottom);
    g.stroke();
    g.textBaseline = "bottom";
    g.fillText(`${microvolts} µV, ${time} s`, x + 6, bottom - 4);
  }

  // --- settings

  function choice(name, shortcut, options, get, put) {
    const line = element("div");
    const label = element("span", name, "name");
    if (shortcut) label.append(" ", element("span", shortcut, "key"));
    line.append(label);
    line.setAttribute("role", "group");
    line.setAttribute("aria-label", name);
    const buttons = options.map((text, k) => button(text, () => { put(k); draw(); }));
    line.append(...buttons);
    line.refresh = () => buttons.forEach((b, k) => b.setAttribute("aria-pressed", String(get() === k)));
    line.cycle = () => { put((get() + 1) % options.length); draw(); };
    $("settings").append(line);
    return line;
  }

  const lines = {
    m: choice("Montage", "M", data.montages.map((m) => m.label), () => set.montage, (k) => { set.montage = k; }),
    f: choice("Filter", "F", data.filters.map((f) => f.label), () => set.filter, (k) => { set.filter = k; }),
    t: choice("Time scale", "T", SPEEDS.map((s) => (s ? `${s} mm/s` : "full width")), () => set.speed, (k) => { set.speed = k; }),
    p: choice("Up is", "P", ["negative", "positive"], () => (set.negativeUp ? 0 : 1), (k) => { set.negativeUp = k === 0; }),
  };
  const shownSensitivity = element("output");

  function amplify(by) {
    set.sensitivity = Math.min(SENSITIVITIES.length - 1, Math.max(0, set.sensitivity + by));
    draw();
  }

  (() => {
    const line = element("div"), label = element("span", "Sensitivity", "name");
    label.append(" ", element("span", "−", "key"), " ", element("span", "+", "key"));
    const less = button("−", () => amplify(1)), more = button("+", () => amplify(-1));
    less.setAttribute("aria-label", "Smaller traces");
    more.setAttribute("aria-label", "Larger traces");
    line.append(label, less, shownSensitivity, more);
    lines.f.after(line);
  })();

  function showSettings() {
    Object.values(lines).forEach((line) => line.refresh());
    shownSensitivity.textContent = `${SENSITIVITIES[set.sensitivity]} µV/mm`;
  }

  // --- questions

  const choices = { answer: new Map(), state: new Map() };

  function offer(kind, group, question, options) {
    $(`${group}-label`).textContent = question;
    for (const [value, text, shortcut] of options) {
      const node = button(text, () => choose(kind, value), shortcut);
      choices[kind].set(value, node);
      $(group).querySelector(".answers").append(node);
    }
  }

  if (data.pairs) {
    offer("answer", "source", "Which one is synthetic?", [["A", "Window A", "A"], ["B", "Window B", "B"]]);
  } else {
    offer("answer", "source", "Is this EEG real or synthetic?", [["real", "Real", "R"], ["synthetic", "Synthetic", "S"]]);
  }
  if (data.states.length) {
    const options = data.states.map((s, k) => [s, s, k < 9 ? String(k + 1) : ""]);
    offer("state", "state", data.pairs ? "Which state are they in?" : "Which state is it in?", options);
  } else {
    $("state").remove();
  }
  const next = $("next");
  next.append(element("span", "Enter", "key"));
  next.addEventListener("click", (event) => {
    go();
    if (event.detail) next.blur();
  });

  function choose(kind, value) {
    chosen[kind] = value;
    for (const [v, node] of choices[kind]) node.setAttribute("aria-pressed", String(v === value));
    next.disabled = !complete();
  }

  function complete() {
    return chosen.answer !== undefined && (!data.states.length || chosen.state !== undefined);
  }

  function show(which) {
    screen = which;
    $("content").dataset.screen = which;
  }

  function figures() {
    $("eeg").replaceChildren(...windowsOf(current).map((_, k) => {
      const figure = element("figure"), canvas = element("canvas");
      canvas.setAttribute("role", "img");
      if (data.pairs) figure.append(element("figcaption", LABELS[k]));
      figure.append(canvas);
      return figure;
    }));
  }

  function ask() {
    chosen = {};
    for (const kind of Object.values(choices)) {
      for (const node of kind.values()) node.setAttribute("aria-pressed", "false");
    }
    next.disabled = true;
    next.firstChild.textContent = current + 1 < data.n_questions ? "Next" : "Finish";
    $("count").textContent = `Question ${current + 1} of ${data.n_questions}`;
    $("bar").max = data.n_questions;
    $("bar").value = current;
    figures();
    draw();
    began = performance.now();
  }

  function go() {
    if (screen !== "question" || !complete()) return;
    answers.push({
      ...chosen,
      seconds: ((performance.now() - began) / 1000).toFixed(1),
      montage: data.montages[set.montage].label,
      filter: data.filters[set.filter].label,
      uv_per_mm: SENSITIVITIES[set.sensitivity],
    });
    current += 1;
    if (current < data.n_questions) ask();
    else finish();
  }

  // --- the result

  function unseal() {
    let stream = data.nonce;
    const plain = bytes(data.sealed).map((byte) => {
      stream = (Math.imul(stream, 1664525) + 1013904223) >>> 0;
      return byte ^ (stream >>> 24);
    });
    return JSON.parse(new TextDecoder().decode(plain)).map(([truth, state, real, synthetic]) => (
      { truth, state, real, synthetic }));
  }

  function wilson(hits, n) {
    // Wilson (1927), 95 %.
    const z = 1.959964, p = hits / n, d = 1 + (z * z) / n;
    const middle = (p + (z * z) / (2 * n)) / d;
    const half = (z / d) * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
    return [middle - half, middle + half];
  }

  const percent = (x) => `${Math.round(100 * x)} %`;

  function rate(hits) {
    if (!hits.length) return "–";
    const n = hits.filter(Boolean).length, [low, high] = wilson(n, hits.length);
    return `${n} of ${hits.length}: ${percent(n / hits.length)} (${percent(low)} to ${percent(high)})`;
  }

  function finish() {
    key = unseal();
    show("result");
    const right = answers.map((a, k) => a.answer === key[k].truth);
    const n = right.filter(Boolean).length, [low, high] = wilson(n, right.length);
    $("score").textContent = `${n} of ${right.length} right: ${percent(n / right.length)} (95 % interval ${percent(low)} to ${percent(high)})`;
    $("meaning").textContent = low > 0.5
      ? "Guessing gives 50 %. You told synthetic from real EEG better than by guessing."
      : high < 0.5
        ? "Guessing gives 50 %. You were right less often than by guessing: you see a difference, and take it the other way round."
        : "Guessing gives 50 %, which lies in the interval: these answers do not show that you can tell. With so few windows, they do not show that you cannot, either.";
    rates(right);
    $("csv").value = table();
    $("items").replaceChildren(...answers.map((_, k) => {
      const node = button(`${k + 1} ${right[k] ? "✓" : "✗"}`, () => again(k));
      node.setAttribute("aria-label", `Question ${k + 1}, ${right[k] ? "right" : "wrong"}`);
      return node;
    }));
    again(0);
    scrollTo(0, 0);
    $("score").focus();
  }

  function rates(right) {
    const part = (keep) => right.filter((_, k) => keep(key[k]));
    const rows = [["Right", () => true]];
    if (!data.pairs) {
      rows.push(["Real windows called real", (q) => q.truth === "real"]);
      rows.push(["Synthetic windows called synthetic", (q) => q.truth === "synthetic"]);
    }
    if (data.states.length) for (const s of data.states) rows.push([`Right, of state ${s}`, (q) => q.state === s]);
    const lines = rows.map(([name, keep]) => [name, rate(part(keep))]);
    if (data.states.length) {
      lines.push(["State named correctly", rate(answers.map((a, k) => a.state === key[k].state))]);
    }
    $("rates").replaceChildren(...lines.map(([name, text]) => {
      const row = element("tr"), head = element("th", name), [count, interval] = text.split(": ");
      head.scope = "row";
      const cell = element("td");
      cell.append(element("span", interval ? `${count}: ` : count));
      if (interval) cell.append(element("span", interval));
      row.append(head, cell);
      return row;
    }));
  }

  function again(k) {
    current = k;
    const q = key[k], a = answers[k], state = data.states.length > 0;
    const truth = data.pairs ? `${q.truth} is synthetic` : q.truth;
    const said = data.pairs ? `${a.answer} is synthetic` : a.answer;
    $("told").textContent = `Question ${k + 1}: ${truth}${state ? `, ${q.state}` : ""}. You said: ${said}${state ? `, ${a.state}` : ""}.`;
    [...$("items").children].forEach((node, n) => node.setAttribute("aria-pressed", String(n === k)));
    figures();
    draw();
  }

  function table() {
    const quote = (v) => (/[",\r\n]/.test(v) ? `"${v.replaceAll('"', '""')}"` : v);
    const rows = answers.map((a, k) => {
      const q = key[k];
      const row = {
        ...a, quiz: data.quiz, reader, question: k + 1, truth: q.truth, state: q.state,
        state_answer: a.state, real_window: q.real, synthetic_window: q.synthetic,
      };
      return data.columns.map((c) => quote(String(row[c] ?? ""))).join(",");
    });
    return [data.columns.join(","), ...rows, ""].join("\r\n");
  }

  function save() {
    const link = element("a");
    link.href = URL.createObjectURL(new Blob([table()], { type: "text/csv" }));
    link.download = `quiz-${data.quiz}-${reader.replace(/[^\p{L}\p{N}_-]+/gu, "_") || "reader"}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    saved = true;
  }

  let saved = false;
  $("save").addEventListener("click", save);

  // --- start, keys, and what else happens

  const length = `of ${+seconds.toFixed(2)} s, one after the other`;
  const named = data.states.length ? ", and which state it is in" : "";
  $("task").textContent = data.pairs
    ? `You will see ${data.n_questions} pairs of windows of EEG ${length}. In each pair one is a recording of a person, the other was made by a computer model. Say of each pair which one is synthetic${named && ", and which state both are in"}.`
    : `You will see ${data.n_questions} windows of EEG ${length}. ${data.n_questions % 2 ? "About half" : "Half"} are recordings of people, the others were made by a computer model. Say of each whether it is real or synthetic${named}.`;
  for (const [keys, text] of [
    data.pairs ? [["A", "B"], "the window that is synthetic"] : [["R", "S"], "real, synthetic"],
    ...(data.states.length ? [[data.states.slice(0, 9).map((_, k) => String(k + 1)), data.states.slice(0, 9).join(", ")]] : []),
    [["Enter"], "next question"],
    [["M", "F", "T", "P"], "montage, filter, time scale, polarity"],
    [["−", "+"], "smaller, larger traces"],
    [["D"], "at the end: save the answers"],
  ]) {
    const term = element("dt");
    keys.forEach((k) => term.append(element("span", k, "key"), " "));
    $("keys").append(term, element("dd", text));
  }
  $("about").append(...data.about.map((text) => element("li", text)), element("li", `Quiz ${data.quiz}.`));

  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    reader = $("reader").value.trim();
    document.activeElement.blur();
    show("question");
    ask();
  });

  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea")) return;
    if (event.key === "Enter") {
      if (!event.target.closest("button, summary, a")) go();
      return;
    }
    if (screen === "start") return;
    const pressed = event.key.toLowerCase();
    if (lines[pressed]) lines[pressed].cycle();
    else if (pressed === "+" || pressed === "=") amplify(-1);
    else if (pressed === "-" || pressed === "−") amplify(1);
    else if (screen === "result") {
      if (pressed === "d") save();
    } else if (/^[1-9]$/.test(pressed)) {
      const state = data.states[pressed - 1];
      if (state !== undefined) choose("state", state);
    } else {
      const answer = LABELS.find((label) => label[0].toLowerCase() === pressed);
      if (answer) choose("answer", answer);
    }
  });

  window.addEventListener("resize", draw);
  window.addEventListener("beforeunload", (event) => {
    if (answers.length && !saved) event.preventDefault();
  });
})();
