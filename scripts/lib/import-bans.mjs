import { packageFolder, zoneOf } from './import-zones.mjs'
import { isBuiltin, isRelative, resolveRelative } from './imports.mjs'

/**
 * @typedef {import('./imports.mjs').Import} Import
 * @typedef {import('./import-zones.mjs').Zone} Zone
 *
 * @typedef {object} Ban
 * @property {string} id
 * @property {readonly Zone[] | 'everywhere'} zones Where the ban holds.
 * @property {(found: Import, file: string) => boolean} hits
 * @property {string} reason Printed with each violation.
 */

const engineDoors = ['@holdfast/core/engine', '@holdfast/core/repository']
/** Libraries that core does without where they are missing, and the file that loads each. */
const optionalOfEngine = new Map([
  ['@napi-rs/blake-hash', 'packages/core/src/repository/chunk-id.ts'],
  ['koffi', 'packages/core/src/files/huge-pages.ts'],
])
const pluginName = /^@holdfast\/(source|quiesce|transform|target)-/
const protocolName = /^@holdfast\/protocol-[^/]+(\/|$)/
const formatsName = /^@holdfast\/formats(\/|$)/
const libraryName = /^@holdfast\/(descriptions|machine-files)(\/|$)/
const contractDoors = ['@holdfast/core', '@holdfast/core/direct-file']

/** @param {string} specifier */
const isOurs = (specifier) => specifier.startsWith('@holdfast/')
/** @param {string} specifier */
const isThirdParty = (specifier) => !isRelative(specifier) && !isBuiltin(specifier) && !isOurs(specifier)
/** @param {string} specifier */
const isTestkit = (specifier) => specifier === '@holdfast/testkit' || specifier.startsWith('@holdfast/testkit/')
/** @param {string} file */
const ownName = (file) => `@holdfast/${file.split('/')[1]}`

/** Every ban of the import matrix. @type {readonly Ban[]} */
export const bans = [
  {
    id: 'node-prefix',
    zones: 'everywhere',
    hits: ({ specifier }) => isBuiltin(specifier) && !specifier.startsWith('node:'),
    reason: 'The node: prefix tells a built-in from a package of the same name.',
  },
  {
    id: 'out-of-package',
    zones: 'everywhere',
    hits: ({ specifier }, file) =>
      isRelative(specifier) &&
      !resolveRelative(file, specifier).startsWith(packageFolder(file)) &&
      !(file.endsWith('/tsup.config.ts') && resolveRelative(file, specifier) === 'tsup.preset.ts'),
    reason: 'A relative path out of the package bypasses its published doors; import the other package by name.',
  },
  {
    id: 'contract-pure',
    zones: ['contract'],
    hits: ({ specifier }) => !isRelative(specifier),
    reason: 'The contract has no dependencies and does no I/O, so that every plugin can afford to import it.',
  },
  {
    id: 'contract-no-engine',
    zones: ['contract'],
    hits: ({ specifier }, file) => isRelative(specifier) && zoneOf(resolveRelative(file, specifier)) === 'engine',
    reason: 'The engine implements the contract; the contract must not know it, or plugins would load the engine.',
  },
  {
    id: 'engine-builtins-only',
    zones: ['engine'],
    hits: ({ specifier }, file) =>
      (isThirdParty(specifier) || isOurs(specifier)) && optionalOfEngine.get(specifier) !== file,
    reason:
      'Core depends on Node, and on two optional libraries in one file each: what guards the data has few suppliers.',
  },
  {
    id: 'wire-independent',
    zones: ['formats', 'filesystems', 'protocol'],
    hits: ({ specifier }) => isOurs(specifier),
    reason:
      'Formats, file systems and protocols import nobody of ours, so that each is useful alone; callers translate their errors.',
  },
  {
    id: 'formats-builtins-only',
    zones: ['formats', 'filesystems'],
    hits: ({ specifier }) => isThirdParty(specifier),
    reason: 'Formats and file systems are pure codecs without dependencies.',
  },
  {
    id: 'wire-tests-testkit-only',
    zones: ['formats-test', 'filesystems-test', 'protocol-test'],
    hits: ({ specifier }, file) => isOurs(specifier) && !isTestkit(specifier) && !specifier.startsWith(ownName(file)),
    reason:
      'Tests of formats, file systems and protocols may use the test kit, but stay independent of everything else.',
  },
  {
    id: 'library-narrow',
    zones: ['library', 'library-test'],
    hits: ({ specifier }, file) =>
      isOurs(specifier) &&
      !contractDoors.includes(specifier) &&
      !formatsName.test(specifier) &&
      !libraryName.test(specifier) &&
      !(isTestkit(specifier) && zoneOf(file) === 'library-test'),
    reason:
      'Descriptions and machine files stand on the contract and the formats, so that plugins and program share them.',
  },
  {
    id: 'config-core-only',
    zones: ['config'],
    hits: ({ specifier }) => isOurs(specifier) && specifier !== '@holdfast/core',
    reason: 'The config package reads configurations; it does not run them, and it finds plugins by name.',
  },
  {
    id: 'testkit-core-only',
    zones: ['testkit'],
    hits: ({ specifier }) => isOurs(specifier) && specifier !== '@holdfast/core',
    reason: 'Vendors run the kit without an engine: it checks plugins against the contract alone.',
  },
  {
    id: 'plugin-no-engine',
    zones: ['plugin', 'plugin-test'],
    hits: ({ specifier }) => engineDoors.includes(specifier),
    reason: 'The engine calls plugins, never the other way round; the contract is all that a vendor may rely on.',
  },
  {
    id: 'plugin-no-plugin',
    zones: ['plugin', 'plugin-test'],
    hits: ({ specifier }, file) => pluginName.test(specifier) && specifier !== ownName(file),
    reason: 'Plugins are joined by a pipeline only; shared code belongs into formats or a protocol package.',
  },
  {
    id: 'plugin-testkit-in-tests',
    zones: ['plugin'],
    hits: ({ specifier }) => isTestkit(specifier),
    reason: 'The test kit is for tests; shipping it would put a test framework into production.',
  },
  {
    id: 'plugin-narrow',
    zones: ['plugin', 'plugin-test'],
    hits: ({ specifier }, file) =>
      isOurs(specifier) &&
      ![...contractDoors, ...engineDoors].includes(specifier) &&
      !formatsName.test(specifier) &&
      !protocolName.test(specifier) &&
      !libraryName.test(specifier) &&
      !pluginName.test(specifier) &&
      !isTestkit(specifier) &&
      !specifier.startsWith(ownName(file)),
    reason:
      "A plugin sees core's root and direct-file, formats, descriptions, machine files and protocols: it runs under any host.",
  },
  {
    id: 'cli-no-plugin',
    zones: ['cli'],
    hits: ({ specifier }) =>
      pluginName.test(specifier) || (protocolName.test(specifier) && specifier !== '@holdfast/protocol-nbd'),
    reason:
      "Plugins come from the user's config; one that the program imports would be privileged. Its own is the NBD server alone.",
  },
  {
    id: 'cli-testkit-lazily',
    zones: ['cli'],
    hits: ({ specifier, lazy, typeOnly }) => isTestkit(specifier) && !lazy && !typeOnly,
    reason: 'Only `holdfast conformance` needs the test kit; every other command would pay for loading it.',
  },
  {
    id: 'lab-in-tests',
    zones: ['library', 'protocol', 'config', 'testkit', 'cli', 'plugin'],
    hits: ({ specifier }) => specifier === 'holdfast-lab',
    reason: 'The lab is not published: what users install cannot have it. Contract, engine and formats import nothing.',
  },
  {
    id: 'lab-builtins-only',
    zones: ['lab'],
    hits: ({ specifier }) => isThirdParty(specifier) || isOurs(specifier),
    reason:
      'Every test may start a machine or a library, those of the protocols too, whatever is built: the labs stand on Node alone.',
  },
  {
    id: 'example-published-names',
    zones: ['example'],
    hits: ({ specifier }) => /^@holdfast\/[^/]+\/(src|dist|test)(\/|$)/.test(specifier),
    reason: 'Examples import what users can import, or they prove nothing.',
  },
]
