/** What health checks find, as lines of the log. Knows no probes. */
import type { Log } from '../lib/log.ts';
import type { HealthChange } from '../proxy/health/health-checks.ts';
import { nameOfBackend } from '../proxy/observe/request-series.ts';

export function logHealthTo(log: Log): (change: HealthChange) => void {
  return ({ backend, endpoint, problem }) => {
    const name = nameOfBackend(backend);
    const fields = { backend: name, endpoint };
    if (problem === null) log.info(`Endpoint ${endpoint} of ${name} is healthy again`, fields);
    else log.warn(`Endpoint ${endpoint} of ${name} is unhealthy: ${problem}`, { ...fields, problem });
  };
}
