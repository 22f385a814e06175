import { bans } from './import-bans.mjs'
import { importCycles } from './import-cycles.mjs'
import { zoneOf } from './import-zones.mjs'
import { importsOf } from './imports.mjs'

/** @typedef {{ file: string, line: number, ban: string, message: string, reason: string }} Violation */

/** Checks files against the import matrix. @param {ReadonlyMap<string, string>} texts By path below the root. @returns {Violation[]} */
export function importViolations(texts) {
  const files = new Map([...texts].map(([file, text]) => [file, importsOf(file, text)]))
  const banned = [...files].flatMap(([file, imports]) => {
    const zone = zoneOf(file)
    const here = bans.filter((ban) => ban.zones === 'everywhere' || ban.zones.includes(zone))
    return imports.flatMap((found) =>
      here
        .filter((ban) => ban.hits(found, file))
        .map((ban) => ({
          file,
          line: found.line,
          ban: ban.id,
          message: `imports '${found.specifier}'`,
          reason: ban.reason,
        })),
    )
  })
  const circular = importCycles(files).map(({ file, line, path }) => ({
    file,
    line,
    ban: 'no-cycles',
    message: `closes the circle ${path.join(' -> ')}`,
    reason: 'Files that need each other are one idea, or one of them knows too much.',
  }))
  return [...banned, ...circular]
}
