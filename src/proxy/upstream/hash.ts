/** Fast 32-bit hashes for spreading load. Not for secrets and not for tables that a stranger fills. */

/** FNV-1a over the UTF-16 units of a text, with a final mix. Unsigned. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return finish(hash);
}

/** One hash of two, in which each bit of either counts. Unsigned. */
export function mixHashes(a: number, b: number): number {
  return finish(Math.imul(a, 0x9e3779b1) ^ b);
}

/** The finaliser of MurmurHash3: neighbours end far apart. */
function finish(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
