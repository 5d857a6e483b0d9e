/** Header fields as filters and forwarding see them: hop-by-hop and framing fields never appear here, the codecs own those. */

/** A set of fields in order of arrival. Names given to it may be in any case. Values are latin1 text, byte for byte. */
export interface Headers {
  /** All values joined by `, ` (cookie: `; `), or undefined. What matching and policy must look at. */
  get(name: string): string | undefined;
  getAll(name: string): readonly string[];
  has(name: string): boolean;
  /** Replaces every field of that name. */
  set(name: string, value: string): void;
  /** One more field, after those that are there. */
  add(name: string, value: string): void;
  remove(name: string): void;
  /** Lower-case name and value of each field, in order. */
  entries(): Iterable<readonly [name: string, value: string]>;
}
