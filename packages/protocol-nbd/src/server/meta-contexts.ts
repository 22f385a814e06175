import { encodeGrantedContext } from '../wire/option-payloads.js'
import { contextsOf, type ExportContext } from './export-facts.js'
import type { NbdExport } from './nbd-export.js'

/** Picks the contexts that a client asks for; to list, a namespace with its colon asks for all in it. Spec: "Metadata querying". */
export function chosenContexts(disk: NbdExport, queries: readonly string[], isSet: boolean): readonly ExportContext[] {
  const all = contextsOf(disk)
  if (!isSet && queries.length === 0) return all
  const isMatch = (query: string, name: string) =>
    query === name || (!isSet && query.endsWith(':') && name.startsWith(query))
  return all.filter(({ name }) => queries.some((query) => isMatch(query, name)))
}

/** Makes the payloads that name contexts; without numbers when they are only listed. */
export function contextReplies(contexts: readonly ExportContext[], isSet: boolean): readonly Uint8Array[] {
  return contexts.map(({ id, name }) => encodeGrantedContext({ id: isSet ? id : 0, name }))
}
