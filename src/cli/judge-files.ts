/** Judges files as they are, without serving them: what `headgate status PATH…` and tests of manifests need. */
import { createCompiler } from '../compiler/compile.ts';
import { createEndpointJoiner } from '../compiler/join-endpoints.ts';
import { placeOf } from '../controller/controller.ts';
import type { Source, SourceProblem } from '../controller/parts.ts';
import { createTimes } from '../controller/statuses.ts';
import { filterDefinitions } from '../filters/index.ts';
import { policyDefinitions } from '../policies/index.ts';
import type { ResourceSet } from '../model/resources.ts';
import { createFileSource } from '../sources/files.ts';
import { createEndpointNotes } from './endpoint-notes.ts';
import { checkPaths } from './paths.ts';
import { statusDocument, type StatusDocument } from './status-document.ts';

interface Loaded {
  readonly resources: ResourceSet;
  readonly problems: readonly SourceProblem[];
}

/** What would be served if the files were: as Programmed as can be said without listening on a port. */
export async function judgeFiles(paths: readonly string[]): Promise<StatusDocument> {
  checkPaths(paths);
  const source = createFileSource({ paths });
  const { resources, problems } = await load(source);
  const compile = createCompiler({
    filters: filterDefinitions,
    policies: policyDefinitions,
    gatewaysWithoutClass: 'Ours',
  });
  const { statuses, notes, config } = compile(resources, { acknowledged: null, defaultAddresses: [] });
  const endpoints = createEndpointJoiner()(config, resources);
  const timed = createTimes()(statuses, new Date().toISOString());
  return statusDocument({
    resources,
    statuses: timed,
    problems,
    notes: [...notes, ...createEndpointNotes('Files')(endpoints)],
    version: 0,
    isProgrammed: false,
    locate: (key) => placeOf(source, key),
  });
}

async function load(source: Source): Promise<Loaded> {
  const abort = new AbortController();
  const loaded = new Promise<Loaded>((resolve) => {
    source.start((resources, problems) => resolve({ resources, problems }), abort.signal);
  });
  return loaded.finally(() => abort.abort());
}
