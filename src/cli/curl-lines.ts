/** Finds requests that the configuration answers, and spells them as curl commands that can be pasted into a shell. */
import type { ControllerView } from '../controller/parts.ts';
import type { ListenerConfig, MatchConfig, PathConfig, PathMatch } from '../contract/gateway-config.ts';

const maxLines = 4;
const redirectOddness = 1000;

interface Candidate {
  readonly hostname: string;
  readonly listener: ListenerConfig;
  readonly request: Request;
  /** The less, the better an example. */
  readonly oddness: number;
}

/** One command a listener at most; plain requests before ones that need a header. `defaultAddresses` as for the report. */
export function curlLines(view: ControllerView, defaultAddresses: readonly string[]): string[] {
  const { config, acknowledged } = view;
  const broken = new Set((acknowledged?.problems ?? []).map(({ listener }) => listener));
  const best = new Map<string, Candidate>();
  for (const entry of Object.values(config.paths)) {
    const listener = config.listeners[entry.listener];
    if (!listener || broken.has(entry.listener) || !isHttp(listener)) continue;
    const candidate = bestOf(view, entry, listener);
    const known = best.get(entry.listener);
    if (candidate && (!known || candidate.oddness < known.oddness)) best.set(entry.listener, candidate);
  }
  const candidates = [...best.values()].toSorted((a, b) => a.oddness - b.oddness);
  const answered = candidates.filter(({ oddness }) => oddness < redirectOddness);
  const shown = (answered.length > 0 ? answered : candidates).slice(0, maxLines);
  return shown.map((one) => commandFor(one, reachable(one.listener.addresses[0] ?? defaultAddresses[0])));
}

function isHttp({ protocol }: ListenerConfig): boolean {
  return protocol === 'HTTP' || protocol === 'HTTPS';
}

function bestOf(
  view: ControllerView,
  { hostname, path, matches }: PathConfig,
  listener: ListenerConfig,
): Candidate | undefined {
  const candidates = matches.slice(0, 100).flatMap((match) => {
    const request = requestFor(path, match);
    const answer = request && answerOf(view, match);
    return answer ? [{ hostname, listener, request, oddness: oddnessOf(request, answer) }] : [];
  });
  return candidates.toSorted((a, b) => a.oddness - b.oddness)[0];
}

function oddnessOf({ args, target }: Request, answer: 'backend' | 'redirect'): number {
  return (answer === 'redirect' ? redirectOddness : 0) + args.length * 10 + (target === '/' ? 0 : 1);
}

/** Who would answer: a backend that is ready, or a redirect; null: nobody would, so it is no request to try. */
function answerOf({ config, endpoints }: ControllerView, match: MatchConfig): 'backend' | 'redirect' | null {
  const rule = config.rules[match.rule];
  if (!rule) return null;
  if (rule.filters.some((key) => config.filters[key]?.type === 'RequestRedirect')) return 'redirect';
  const isReady = rule.backends.every(
    ({ backend, weight }) =>
      weight === 0 || (backend !== undefined && endpoints.get(backend)?.some((endpoint) => endpoint.ready)),
  );
  return isReady && rule.backends.some(({ weight }) => weight > 0) ? 'backend' : null;
}

interface Request {
  readonly target: string;
  readonly args: readonly string[];
}

/** A request that fits the match, or null where a regular expression would have to be solved, or curl cannot make it. */
function requestFor(path: PathMatch, { isGrpc, method, headers = [], query = [] }: MatchConfig): Request | null {
  if (isGrpc) return null;
  const isPlain = [path, ...headers, ...query].every(({ type }) => type !== 'RegularExpression');
  if (!isPlain) return null;
  const search = query.map(({ name, value }) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');
  return {
    target: path.value + (search && `?${search}`),
    args: [
      ...(method === 'HEAD' ? ['-I'] : method && method !== 'GET' ? ['-X', method] : []),
      ...headers.flatMap(({ name, value }) => ['-H', `${name}: ${value}`]),
    ],
  };
}

function commandFor({ hostname, listener, request }: Candidate, address: string): string {
  const isTls = listener.protocol === 'HTTPS';
  const name = hostname.replace(/^\*/, 'www');
  const urlHost = name || (address.includes(':') ? `[${address}]` : address);
  const url = `${isTls ? 'https' : 'http'}://${urlHost}:${listener.port}${request.target}`;
  // curl itself takes localhost and everything below it to the loopback address.
  const isKnown = name === '' || ((name === 'localhost' || name.endsWith('.localhost')) && address === '127.0.0.1');
  const resolve = isKnown
    ? []
    : ['--resolve', `${name}:${listener.port}:${address.includes(':') ? `[${address}]` : address}`];
  return ['curl', ...(isTls ? ['-k'] : []), ...resolve, ...request.args, url].map(quoted).join(' ');
}

/** Where a client on this machine reaches a listener on that address. */
function reachable(address = '0.0.0.0'): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  return address === '::' ? '::1' : address;
}

/** For a POSIX shell: manifests are not ours, so nothing in them may become part of a command. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
