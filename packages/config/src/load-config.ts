import { dirname } from 'node:path'
import type { Pipeline, TargetPlugin, TransformPlugin } from '@holdfast/core'
import { type ConfigFile, findConfigFile, readConfigText } from './config-file.js'
import { shapeJsonSchema } from './config-json-schema.js'
import { configShape, defined, type ShapedConfig } from './config-shape.js'
import { describeIssue } from './describe-issue.js'
import { importConfig } from './import-config.js'
import { isAtOrBelow, isMapping, type KeyPath, valueAt } from './key-path.js'
import { declaredSlots, objectSlots } from './plugin-slots.js'
import { configError, type Place, type Problem } from './problem.js'
import { targetNameProblems } from './target-names.js'
import { parseYamlTree } from './yaml-tree.js'

/** Where a configuration is looked for, and how the search is stopped. */
export interface LoadConfigOptions {
  /** Folder that a relative path, or the search for a file, starts from. */
  readonly cwd: string
  readonly signal: AbortSignal
}

/** A configuration whose every part was checked; nothing is opened yet. */
export interface LoadedConfig {
  /** Absolute path of the file. */
  readonly path: string
  /** Folder of the file: what relative paths in options start from. */
  readonly baseDir: string
  readonly pipelines: readonly Pipeline[]
  readonly targets: ReadonlyMap<string, TargetPlugin>
  /** Every transform that is mentioned, in order. */
  readonly transforms: readonly TransformPlugin[]
}

/**
 * Loads the configuration at `path`, or the only one in `cwd`.
 *
 * Called: by hosts, at start. TypeScript and JavaScript files run, and Node keeps them: a changed one needs a new process.
 * Guarantee: YAML and TypeScript mean the same; every problem is reported at once, with its place and a remedy; no
 * message shows what may be a secret. Abort: rejects with the signal's reason.
 * @throws BackupError `E_CONFIG`
 */
export async function loadConfig(path: string | undefined, { cwd, signal }: LoadConfigOptions): Promise<LoadedConfig> {
  signal.throwIfAborted()
  const file = await findConfigFile(path, cwd)
  const baseDir = dirname(file.path)
  const raw = file.format === 'module' ? moduleConfig(await importConfig(file)) : await textConfig(file)
  signal.throwIfAborted()
  const slots = file.format === 'module' ? objectSlots() : declaredSlots(baseDir, cwd)
  const parsed = await configShape(slots).safeParseAsync(raw.value)
  signal.throwIfAborted()
  const shapeProblems = [...describeIssues(parsed.error?.issues ?? [], raw.value), ...targetNameProblems(raw.value)]
  // What could not be read is not also of the wrong shape.
  const unread = raw.problems.map(({ path }) => path)
  const problems = [
    ...raw.problems,
    ...shapeProblems.filter(({ path }) => !unread.some((place) => isAtOrBelow(path, place))),
  ]
  if (problems.length > 0 || !parsed.success) throw configError(file.shownPath, placed(problems, raw.placeOf))
  const config = inFileOrder(parsed.data, raw.value)
  return {
    path: file.path,
    baseDir,
    pipelines: pipelinesOf(config),
    targets: new Map(Object.entries(config.targets)),
    transforms: transformsOf(config),
  }
}

function describeIssues(issues: readonly object[], value: unknown): readonly Problem[] {
  if (issues.length === 0) return []
  const subject = { value, schema: shapeJsonSchema(), fallbackHint: 'See the reference of the configuration.' }
  return issues.flatMap((issue) => describeIssue(issue, subject))
}

interface RawConfig {
  readonly value: unknown
  readonly problems: readonly Problem[]
  readonly placeOf?: (path: KeyPath, atKey: boolean) => Place
}

const emptyHint = "Start with targets: { vault: { use: '@holdfast/target-disk', with: { path: ./vault } } }"

function moduleConfig(value: unknown): RawConfig {
  return { value, problems: [] }
}

async function textConfig(file: ConfigFile): Promise<RawConfig> {
  const text = await readConfigText(file)
  const tree = parseYamlTree(text)
  if (tree.problems.some(({ path }) => path.length === 0)) throw configError(file.shownPath, tree.problems)
  if (tree.value === null && tree.problems.length === 0) {
    throw configError(file.shownPath, [{ path: [], message: 'is empty.', hint: emptyHint }])
  }
  if (file.format === 'json' && !isJson(text)) {
    throw configError(file.shownPath, [
      {
        path: [],
        message: 'is YAML and not JSON.',
        hint: 'Name it .yaml, or remove comments, trailing commas and plain text.',
      },
    ])
  }
  return tree
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

function placed(problems: readonly Problem[], placeOf: RawConfig['placeOf']): readonly Problem[] {
  if (placeOf === undefined) return problems
  return problems.map((problem) => ({ place: placeOf(problem.path, problem.atKey === true), ...problem }))
}

/** Puts targets and pipelines as the file has them: they were checked at once, and stand as they finished. */
function inFileOrder(config: ShapedConfig, written: unknown): ShapedConfig {
  const { targets, pipelines = {} } = config
  return {
    targets: ordered(targets, valueAt(written, ['targets'])),
    pipelines: ordered(pipelines, valueAt(written, ['pipelines'])),
  }
}

function ordered<T>(record: Readonly<Record<string, T>>, written: unknown): Record<string, T> {
  const names = isMapping(written) ? Object.keys(written) : []
  const place = ([name]: readonly [string, T]) => names.indexOf(name)
  return Object.fromEntries(Object.entries(record).sort((a, b) => place(a) - place(b)))
}

function pipelinesOf({ targets, pipelines = {} }: ShapedConfig): Pipeline[] {
  return Object.entries(pipelines).map(([name, pipeline]) => {
    const uses = pipeline.targets.flatMap((use) => {
      const plugin = targets[use.name]
      return plugin === undefined ? [] : [{ ...use, plugin }]
    })
    return defined({ ...pipeline, name, targets: uses })
  })
}

function transformsOf({ pipelines = {} }: ShapedConfig): TransformPlugin[] {
  const all = Object.values(pipelines).flatMap(({ transforms = [], targets }) => [
    ...transforms,
    ...targets.flatMap((target) => target.transforms ?? []),
  ])
  return [...new Set(all)]
}
