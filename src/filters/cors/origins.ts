/** Which origins a CORS filter allows: compiled from `allowOrigins`, asked with the Origin of each request. */

/** Plain data: `*` alone, exact origins, and patterns as the text before and after their `*`. */
export interface OriginsConfig {
  readonly isAny: boolean;
  readonly exact: readonly string[];
  readonly wildcards: readonly { readonly before: string; readonly after: string }[];
}

const originSyntax = /^(https?):\/\/([a-z0-9.*_-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/;

/** The compiled form, or the first entry that is no origin. */
export function compileOrigins(origins: readonly string[]): OriginsConfig | { readonly invalid: string } {
  const exact: string[] = [];
  const wildcards: { before: string; after: string }[] = [];
  for (const origin of origins) {
    if (origin === '*') continue;
    const canonical = canonicalOrigin(origin);
    const [before = '', after, ...more] = canonical.split('*');
    if (!originSyntax.test(canonical) || more.length > 0) return { invalid: origin };
    if (after === undefined) exact.push(canonical);
    else wildcards.push({ before, after });
  }
  return { isAny: origins.includes('*'), exact, wildcards };
}

/** Lower case, without the port that the scheme implies. */
function canonicalOrigin(origin: string): string {
  const lower = origin.toLowerCase();
  if (lower.startsWith('http://') && lower.endsWith(':80')) return lower.slice(0, -3);
  if (lower.startsWith('https://') && lower.endsWith(':443')) return lower.slice(0, -4);
  return lower;
}

/** What a browser sends: one origin. `null` (a sandbox, a file) is nobody in particular, and only `*` takes it. */
const sentOrigin = /^(?:null|[a-z][a-z0-9+.-]*:\/\/[a-z0-9.:[\]_-]+)$/i;

export function allowsOrigin(config: OriginsConfig, origin: string): boolean {
  if (!sentOrigin.test(origin)) return false;
  if (config.isAny) return true;
  const canonical = canonicalOrigin(origin);
  return config.exact.includes(canonical) || config.wildcards.some((wildcard) => fits(wildcard, canonical));
}

/** `*` stands for any number of labels, never for nothing, and never reaches into a port. */
function fits({ before, after }: { readonly before: string; readonly after: string }, origin: string): boolean {
  const end = origin.length - after.length;
  if (end <= before.length || !origin.startsWith(before) || !origin.endsWith(after)) return false;
  return /^[a-z0-9._-]+$/.test(origin.slice(before.length, end));
}
