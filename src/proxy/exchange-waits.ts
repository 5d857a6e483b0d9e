/** What the filters of one exchange wait for: the request's body, and answers to calls of their own. Made when one first waits. */
import type { BackendCall } from './upstream/backend-call.ts';

interface BodyWait {
  readonly maxBytes: number;
  readonly promise: Promise<Uint8Array | null>;
  readonly resolve: (body: Uint8Array | null) => void;
}

export class ExchangeWaits {
  readonly #calls = new Set<BackendCall>();
  #body: BodyWait | null = null;

  /** The client must not be held back: its body is awaited. */
  get readsBody(): boolean {
    return this.#body !== null;
  }

  add(call: BackendCall): void {
    this.#calls.add(call);
    void call.done.then(() => this.#calls.delete(call));
  }

  forBody(maxBytes: number): Promise<Uint8Array | null> {
    this.#body ??= { maxBytes, ...Promise.withResolvers<Uint8Array | null>() };
    return this.#body.promise;
  }

  /** So much of the body has come. */
  onBytes(bytes: number): void {
    if (this.#body !== null && bytes > this.#body.maxBytes) this.#settleBody(null);
  }

  onBodyEnd(body: Uint8Array): void {
    this.#settleBody(body);
  }

  /** The exchange is over. */
  end(): void {
    this.#settleBody(null);
    for (const call of this.#calls) call.abort();
  }

  #settleBody(body: Uint8Array | null): void {
    const wait = this.#body;
    this.#body = null;
    wait?.resolve(body);
  }
}
