// Packs every public package and checks what its users would get: publint, types as an ESM-only package, the fixed files.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { problemAffectsResolutionKind } from '@arethetypeswrong/core/problems'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { report } from './lib/report.mjs'
import { capture } from './lib/run.mjs'
import { publicMembers } from './lib/workspace.mjs'

/** @typedef {import('./lib/workspace.mjs').Member} Member */

const served = /** @type {const} */ (['node16-esm', 'bundler'])
const only = process.argv.slice(2)
const wanted = publicMembers().filter(({ manifest }) => only.length === 0 || only.includes(manifest.name))
const folder = mkdtempSync(join(tmpdir(), 'holdfast-packages-'))
try {
  const problems = []
  let failed = 0
  for (const member of wanted) {
    const found = await problemsOf(member)
    problems.push(...found.map((problem) => `${member.manifest.name}: ${problem}`))
    if (found.length > 0) failed += 1
  }
  report(wanted.length, problems, failed)
} finally {
  rmSync(folder, { recursive: true })
}

/** @param {Member} member @returns {Promise<string[]>} */
async function problemsOf(member) {
  const destination = mkdtempSync(join(folder, 'pack-'))
  const packed = await capture('pnpm', ['pack', '--pack-destination', destination], { cwd: member.path })
  const [name] = readdirSync(destination)
  if (!packed.ok || name === undefined) return [`pnpm pack failed\n${packed.output}`]
  const tarball = new Uint8Array(readFileSync(join(destination, name)))
  return [...missingFiles(tarball), ...(await publintProblems(tarball)), ...(await typeProblems(tarball))]
}

/** @param {Uint8Array} tarball */
function missingFiles(tarball) {
  const packed = createPackageFromTarballData(tarball)
  const files = new Set(packed.listFiles().map((file) => file.slice(`/node_modules/${packed.packageName}/`.length)))
  return ['README.md', 'LICENSE'].filter((file) => !files.has(file)).map((file) => `${file} is not in the package`)
}

/** @param {Uint8Array<ArrayBuffer>} tarball */
async function publintProblems(tarball) {
  const { messages, pkg } = await publint({
    pack: { tarball: tarball.buffer },
    level: 'warning',
    strict: true,
  })
  return messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false }) ?? message.code}`)
}

/** Finds types that an ESM user cannot use; CommonJS and `moduleResolution: node10` are not served. @param {Uint8Array} tarball */
async function typeProblems(tarball) {
  const packed = createPackageFromTarballData(tarball)
  const analysis = await checkPackage(packed)
  if (analysis.types === false)
    return packed.fileExists(`/node_modules/${packed.packageName}/dist/index.d.ts`) ? ['attw: finds no types'] : []
  return analysis.problems
    .filter((problem) => served.some((kind) => problemAffectsResolutionKind(problem, kind, analysis)))
    .map((problem) => `attw: ${problem.kind} ${'entrypoint' in problem ? problem.entrypoint : ''}`)
}
