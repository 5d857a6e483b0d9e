/** The beginning of a request's body, kept while no backend can take it yet, for filters, or so that a further try can send it again. */

/** An upstream, or the mirrors. */
interface Taker {
  sendData(buffer: Buffer, start: number, end: number): boolean;
}

export class HeldBody {
  bytes = 0;
  readonly #chunks: Buffer[] = [];

  /** Copies: the buffer is the shared one. */
  add(buffer: Buffer, start: number, end: number): void {
    this.#chunks.push(Buffer.from(buffer.subarray(start, end)));
    this.bytes += end - start;
  }

  /** All of it in one piece. */
  whole(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** Sends all of it. False: the backend wants no more for now. */
  sendTo(taker: Taker): boolean {
    let takesMore = true;
    for (const chunk of this.#chunks) takesMore = taker.sendData(chunk, 0, chunk.length);
    return takesMore;
  }
}
