/** CORS (GEP-1767): answers preflight requests and tells browsers which origins may read a response. */
import type { Exchange, LocalReply } from '../../contract/exchange.ts';
import { defineFilter } from '../../contract/filter.ts';
import type { Headers } from '../../contract/headers.ts';
import { isFieldName } from '../field-text.ts';
import { allowsOrigin, compileOrigins, type OriginsConfig } from './origins.ts';

export interface CORSSpec {
  readonly allowOrigins?: readonly string[];
  readonly allowCredentials?: boolean;
  readonly allowMethods?: readonly string[];
  readonly allowHeaders?: readonly string[];
  readonly exposeHeaders?: readonly string[];
  /** Seconds. */
  readonly maxAge?: number;
}

export interface CORSConfig {
  readonly origins: OriginsConfig;
  readonly allowCredentials: boolean;
  /** Ready lists; `*` where everything is allowed, empty where nothing is said. */
  readonly methods: string;
  readonly headers: string;
  readonly exposed: string;
  readonly maxAgeSeconds: number;
}

const token = /^[\w!#$%&'*+.^`|~-]+$/;
const tokenList = /^[\w!#$%&'*+.^`|~-]+(?:[ \t]*,[ \t]*[\w!#$%&'*+.^`|~-]+)*$/;

export const cors = defineFilter<CORSSpec, CORSConfig>({
  type: 'CORS',
  spec: 'cors',
  supportedFeatures: ['HTTPRouteCORS'],
  summary: 'Answers CORS preflight requests and lets the named origins read responses.',

  compile(spec) {
    const origins = compileOrigins(spec.allowOrigins ?? []);
    if ('invalid' in origins) {
      const message = `allowOrigins: ${JSON.stringify(origins.invalid)} is no origin such as https://*.example.com`;
      return { problem: { reason: 'UnsupportedValue', message } };
    }
    const lists = { methods: spec.allowMethods, headers: spec.allowHeaders, exposed: spec.exposeHeaders };
    for (const [name, list = []] of Object.entries(lists)) {
      const wrong = list.find((entry) => !isFieldName(entry));
      if (wrong === undefined) continue;
      return { problem: { reason: 'UnsupportedValue', message: `${name}: ${JSON.stringify(wrong)} is no name` } };
    }
    return {
      config: {
        origins,
        allowCredentials: spec.allowCredentials === true,
        methods: listOf(spec.allowMethods),
        headers: listOf(spec.allowHeaders),
        exposed: listOf(spec.exposeHeaders),
        maxAgeSeconds: spec.maxAge ?? 5,
      },
    };
  },

  create: (config) => ({
    onRequest: (exchange) => (isPreflight(exchange) ? answerPreflight(config, exchange.request.headers) : undefined),
    onResponse(exchange) {
      if (!isPreflight(exchange)) markResponse(config, exchange);
    },
  }),
});

function listOf(names: readonly string[] = []): string {
  return names.includes('*') ? '*' : names.join(', ');
}

/** Fetch standard: OPTIONS with an origin and the method that is asked for. */
function isPreflight({ request }: Exchange): boolean {
  return (
    request.method === 'OPTIONS' &&
    request.headers.has('origin') &&
    request.headers.has('access-control-request-method')
  );
}

type Fields = (readonly [string, string])[];

/** An origin that is not allowed gets the same answer without the fields that would let it go on. */
function answerPreflight(config: CORSConfig, request: Headers): LocalReply {
  const headers: Fields = [['Vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers']];
  const origin = request.get('origin') ?? '';
  const isAllowed = allowsOrigin(config.origins, origin);
  if (isAllowed) {
    headers.push(...originFields(config, origin));
    // Where `*` would do, the requested ones are named: with credentials `*` is not understood, without it is as good.
    const method = choose(config.methods, request.get('access-control-request-method'), token);
    if (method !== '') headers.push(['Access-Control-Allow-Methods', method]);
    const names = choose(config.headers, request.get('access-control-request-headers'), tokenList);
    if (names !== '') headers.push(['Access-Control-Allow-Headers', names]);
    const exposed = config.exposed === '*' && config.allowCredentials ? '' : config.exposed;
    if (exposed !== '') headers.push(['Access-Control-Expose-Headers', exposed]);
    headers.push(['Access-Control-Max-Age', String(config.maxAgeSeconds)]);
  }
  return { status: 200, headers, reason: isAllowed ? 'CORSPreflight' : 'CORSOriginNotAllowed' };
}

function choose(allowed: string, requested: string | undefined, syntax: RegExp): string {
  if (allowed !== '*') return allowed;
  return requested !== undefined && syntax.test(requested) ? requested : '';
}

/** `*` only where it may be read by everybody and without credentials; the nameless origin `null` never gets credentials. */
function originFields(config: CORSConfig, origin: string): Fields {
  if (config.origins.isAny && (!config.allowCredentials || origin === 'null')) {
    return [['Access-Control-Allow-Origin', '*']];
  }
  const fields: Fields = [['Access-Control-Allow-Origin', origin]];
  if (config.allowCredentials) fields.push(['Access-Control-Allow-Credentials', 'true']);
  return fields;
}

const ownFields = ['access-control-allow-origin', 'access-control-allow-credentials', 'access-control-expose-headers'];

function markResponse(config: CORSConfig, { request, response }: Exchange): void {
  const { headers } = response;
  const origin = request.headers.get('origin');
  // The filter decides, not the backend: two answers to the same question are refused by browsers.
  if (origin !== undefined) for (const name of ownFields) headers.remove(name);
  // Also without an Origin: a cache must not hand that response to an origin.
  if (!config.origins.isAny || config.allowCredentials) addVary(headers);
  if (origin === undefined || !allowsOrigin(config.origins, origin)) return;
  for (const [name, value] of originFields(config, origin)) headers.set(name, value);
  const exposed = config.exposed === '*' && config.allowCredentials ? namesOf(headers) : config.exposed;
  if (exposed !== '') headers.set('Access-Control-Expose-Headers', exposed);
}

function addVary(headers: Headers): void {
  const vary = headers.get('vary')?.toLowerCase() ?? '';
  if (!/(?:^|[\s,])(?:origin|\*)(?:$|[\s,])/.test(vary)) headers.add('Vary', 'Origin');
}

/** With credentials `*` is not understood: what is there is named. */
function namesOf(headers: Headers): string {
  const names = new Set<string>();
  for (const [name] of headers.entries()) {
    if (name !== 'set-cookie' && !name.startsWith('access-control-')) names.add(name);
  }
  return [...names].join(', ');
}
