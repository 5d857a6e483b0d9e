/** A request's body in base64 (RFC 4648 §4) as a stream: pieces end anywhere, and padding may stand wherever its sender flushed. */
import type { RequestTransform } from '../../contract/exchange.ts';

/** Whole groups, padded ones among them. */
const groups = /^(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)*$/;
const none = new Uint8Array();

export class Base64Decoder implements RequestTransform {
  /** The beginning of a group, up to three characters. */
  #rest = '';

  onData(bytes: Uint8Array): Uint8Array | null {
    const text = this.#rest + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    const end = text.length - (text.length % 4);
    this.#rest = text.slice(end);
    const whole = text.slice(0, end);
    if (!groups.test(whole)) return null;
    // The decoder stops at padding.
    const parts = whole.match(/[^=]+={0,2}/g) ?? [];
    return parts.length === 1
      ? Buffer.from(whole, 'base64')
      : Buffer.concat(parts.map((part) => Buffer.from(part, 'base64')));
  }

  onEnd(): Uint8Array | null {
    return this.#rest === '' ? none : null;
  }
}
