/** Looks up a parameter in a raw query (`a=1&b=2`), without taking the query apart. */

/** The decoded value of the first parameter of that name (as the Gateway API recommends); undefined where there is none. */
export function queryValue(query: string, name: string): string | undefined {
  let start = 0;
  while (start < query.length) {
    const ampersand = query.indexOf('&', start);
    const end = ampersand < 0 ? query.length : ampersand;
    const equals = query.indexOf('=', start);
    const nameEnd = equals < 0 || equals > end ? end : equals;
    if (isNamed(query, start, { nameEnd, name })) return nameEnd === end ? '' : decode(query.slice(nameEnd + 1, end));
    start = end + 1;
  }
  return undefined;
}

function isNamed(query: string, start: number, { nameEnd, name }: { nameEnd: number; name: string }): boolean {
  if (nameEnd - start === name.length && query.startsWith(name, start)) return !/[%+]/.test(name);
  const raw = query.slice(start, nameEnd);
  return isEncoded(raw) && decode(raw) === name;
}

function isEncoded(raw: string): boolean {
  return raw.includes('%') || raw.includes('+');
}

/** application/x-www-form-urlencoded; what is no UTF-8 stays as it is. */
function decode(raw: string): string {
  if (!isEncoded(raw)) return raw;
  const text = raw.replaceAll('+', ' ');
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
