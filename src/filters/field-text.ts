/** What may stand in a header field that a filter makes: names, values, and which fields are nobody's but the proxy's. */

const token = /^[\w!#$%&'*+.^`|~-]+$/;
// oxlint-disable-next-line no-control-regex -- these are what is looked for: a value must not begin a line of its own
const control = /[\x00-\x08\x0a-\x1f\x7f]/;
/** Fields by which messages are framed and connections kept (RFC 9110 §7.6.1): the proxy's own, on each side. */
const ownFields: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export function isFieldName(name: string): boolean {
  return token.test(name);
}

export function isFieldValue(value: string): boolean {
  return !control.test(value);
}

/** `name` in lower case. */
export function isConnectionField(name: string): boolean {
  return ownFields.has(name);
}

/** Manifests and messages are UTF-8, field values are bytes as latin1 text without surrounding white space. */
export function fieldValueOf(text: string): string {
  return Buffer.from(text.trim(), 'utf8').toString('latin1');
}
