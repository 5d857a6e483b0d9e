/** ClientHellos for tests: hand-made from parts, and split over records. Text is latin1. */

export const u16 = (value: number): string => String.fromCharCode((value >> 8) & 255, value & 255);
export const vector8 = (text: string): string => String.fromCharCode(text.length) + text;
export const vector16 = (text: string): string => u16(text.length) + text;
export const extension = (type: number, body: string): string => u16(type) + vector16(body);
export const serverNameExtension = (name: string): string => extension(0, vector16(`\0${vector16(name)}`));
export const alpnExtension = (...names: readonly string[]): string =>
  extension(16, vector16(names.map(vector8).join('')));

export const tls13Extensions =
  extension(43, vector8('\x03\x04')) +
  extension(10, vector16(u16(29))) +
  extension(13, vector16(u16(0x0403))) +
  extension(51, vector16(u16(29) + vector16('k'.repeat(32))));

/** The handshake message, with its header. Null: it has no list of extensions. */
export function helloMessage(extensions: string | null, version = '\x03\x03'): string {
  const tail = extensions === null ? '' : vector16(extensions);
  const body = `${version}${'r'.repeat(32)}${vector8('s'.repeat(32))}${vector16('\x13\x01\xc0\x2b')}${vector8('\0')}${tail}`;
  return `\x01${String.fromCharCode(body.length >> 16)}${u16(body.length & 0xffff)}${body}`;
}

/** In records of at most so many bytes each. */
export function inRecords(message: string, size = 16_384): Buffer {
  let records = '';
  for (let at = 0; at < message.length; at += size) records += `\x16\x03\x01${vector16(message.slice(at, at + size))}`;
  return Buffer.from(records, 'latin1');
}
