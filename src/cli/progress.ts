/** A progress bar on a terminal; nothing elsewhere. */
const WIDTH = 30;
const EVERY_MS = 100;

export class Progress {
  readonly #out: NodeJS.WriteStream;
  readonly #beganMs = performance.now();
  #shownMs = 0;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  show({ bytesRead, bytesTotal }: { bytesRead: number; bytesTotal: number }): void {
    const nowMs = performance.now();
    if (!this.#out.isTTY || nowMs - this.#shownMs < EVERY_MS) return;
    this.#shownMs = nowMs;
    const share = bytesTotal === 0 ? 1 : bytesRead / bytesTotal;
    const bar = '#'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '.');
    const rate = bytesRead / 1e6 / ((nowMs - this.#beganMs) / 1000);
    this.#out.write(
      `\r[${bar}] ${(share * 100).toFixed(0).padStart(3)} %  ${rate.toFixed(0)} MB/s `,
    );
  }

  end(): void {
    if (this.#out.isTTY && this.#shownMs > 0) this.#out.write('\r\x1b[K');
  }
}
