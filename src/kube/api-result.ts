/** What a call to the API server comes to: a value, or an error as data. Knows no transport. */

export interface ApiError {
  /** HTTP status, also of an error inside a watch; 0 where there was no answer. */
  readonly code: number;
  /**
   * As the server named it (`NotFound`, `Conflict`, `Expired`), or for want of an answer: `Aborted`, `Timeout`,
   * `Credentials`, `BadResponse`, or what the system says (`ECONNREFUSED`).
   */
  readonly reason: string;
  readonly message: string;
  /** What the server asks one to wait. */
  readonly retryAfterMs?: number;
  /** Reasons of the details, such as `ResourceVersionTooLarge`. */
  readonly causes?: readonly string[];
}

/** `if (result.error) …` tells them apart. */
export type ApiResult<T> =
  | { readonly value: T; readonly error?: undefined }
  | { readonly value?: undefined; readonly error: ApiError };

/** The `Status` object of the Kubernetes API, as far as it is read. */
interface Status {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly reason?: string }[];
  };
}

const reasons: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  410: 'Gone',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** The error of a `Status`; a proxy in between may have answered with anything, so the HTTP status is the fall-back. */
export function errorFromStatus(body: unknown, httpCode: number, retryAfter?: string): ApiError {
  const status = (typeof body === 'object' && body !== null ? body : {}) as Status;
  const code = typeof status.code === 'number' && status.code > 0 ? status.code : httpCode;
  const retryAfterMs = secondsToMs(status.details?.retryAfterSeconds) ?? secondsToMs(retryAfter);
  const causes = status.details?.causes?.flatMap(({ reason }) => reason ?? []);
  return {
    code,
    reason: status.reason || reasons[code] || 'Unknown',
    message: status.message || (typeof body === 'string' && body.trim().slice(0, 200)) || `HTTP status ${code}`,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(causes && causes.length > 0 && { causes }),
  };
}

/** An hour is more than any server means; a date (RFC 9110 §10.2.3) is not what an API server sends. */
function secondsToMs(value: number | string | undefined): number | undefined {
  const seconds = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number.parseInt(value, 10) : value;
  return typeof seconds === 'number' && seconds > 0 ? Math.min(seconds, 3600) * 1000 : undefined;
}

/** What the system or the HTTP client threw. */
export function errorFromThrown(thrown: unknown, signal: AbortSignal | undefined): ApiError {
  if (signal?.aborted) {
    const isLate = (signal.reason as Error | undefined)?.name === 'TimeoutError';
    return isLate
      ? { code: 0, reason: 'Timeout', message: 'no answer in time' }
      : { code: 0, reason: 'Aborted', message: 'aborted' };
  }
  const { code, message, cause } = thrown as NodeJS.ErrnoException & { cause?: { code?: string } };
  return { code: 0, reason: code ?? cause?.code ?? 'Unreachable', message: message || code || String(thrown) };
}
