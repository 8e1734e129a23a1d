// A curve drawn by hand, with a pointer or by keys, as values between 0 and 1.

export class Drawing {
  constructor(canvas) {
    this.canvas = canvas;
    this.clear();
    let down = false;
    canvas.addEventListener("pointerdown", (event) => { down = true; canvas.setPointerCapture(event.pointerId); this.put(event); });
    canvas.addEventListener("pointermove", (event) => down && this.put(event));
    canvas.addEventListener("pointerup", () => { down = false; });
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  clear() {
    this.heights = Array(this.canvas.width).fill(null);
    this.pen = { x: 8, y: this.canvas.height / 2, down: false };
    this.last = null;
    this.show();
  }

  get empty() { return this.heights.every((y) => y === null); }

  put(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * this.canvas.width;
    const y = ((event.clientY - box.top) / box.height) * this.canvas.height;
    this.mark(x, y, event.type === "pointermove");
  }

  mark(x, y, joined) {
    const inside = (value, most) => Math.min(Math.max(Math.round(value), 0), most - 1);
    const to = { x: inside(x, this.canvas.width), y: inside(y, this.canvas.height) };
    const from = joined && this.last ? this.last : to;
    const steps = Math.max(1, Math.abs(to.x - from.x));
    for (let i = 0; i <= steps; i += 1) {
      const at = Math.round(from.x + ((to.x - from.x) * i) / steps);
      this.heights[at] = from.y + ((to.y - from.y) * i) / steps;
    }
    this.last = to;
    this.show();
  }

  key(event) {
    const step = event.shiftKey ? 40 : 10;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.key === " ") { this.pen.down = !this.pen.down; this.last = null; }
    else if (event.key in moves) { this.pen.x += moves[event.key][0]; this.pen.y += moves[event.key][1]; }
    else return;
    event.preventDefault();
    this.pen.x = Math.min(Math.max(this.pen.x, 0), this.canvas.width - 1);
    this.pen.y = Math.min(Math.max(this.pen.y, 0), this.canvas.height - 1);
    if (this.pen.down) this.mark(this.pen.x, this.pen.y, true);
    this.show();
  }

  show() {
    const context = this.canvas.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.fillStyle = style.getPropertyValue("--strong");
    this.heights.forEach((y, x) => y !== null && context.fillRect(x - 1, y - 1, 3, 3));
    context.strokeStyle = style.getPropertyValue("--quiet");
    context.strokeRect(this.pen.x - 4, this.pen.y - 4, 8, 8);
  }

  // n values from 0 to 1, null where nothing was drawn; null where nothing was drawn at all.
  values(n) {
    if (this.empty) return null;
    const width = this.canvas.width / n;
    return Array.from({ length: n }, (_, i) => {
      const some = this.heights.slice(Math.floor(i * width), Math.max(Math.floor((i + 1) * width), Math.floor(i * width) + 1)).filter((y) => y !== null);
      return some.length ? 1 - some.reduce((a, b) => a + b) / some.length / this.canvas.height : null;
    });
  }
}
