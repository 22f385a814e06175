import { posix } from 'node:path'
import ts from 'typescript'
import { root } from './workspace.mjs'

/** @typedef {import('./fences.mjs').Fence} Fence */

/**
 * Type-checks TypeScript fences in one program, as modules of a user who has every package installed.
 *
 * A fence titled `[name.ts]` can be imported by the other fences of its page as `./name.js`.
 *
 * @param {readonly Fence[]} fences
 * @returns {{ fence: Fence, line: number, message: string }[]}
 */
export function fenceTypeErrors(fences) {
  const named = new Map(fences.map((fence) => [virtualPath(fence), fence]))
  const config = ts.readConfigFile(posix.join(root, 'tsconfig.base.json'), ts.sys.readFile)
  const { options } = ts.convertCompilerOptionsFromJson(config.config.compilerOptions, root)
  const settings = { ...options, noEmit: true, declaration: false, moduleDetection: ts.ModuleDetectionKind.Force }
  const host = ts.createCompilerHost(settings)
  const { fileExists, readFile, directoryExists, getSourceFile } = host
  const folders = new Set([...named.keys()].map((path) => posix.dirname(path)))
  host.fileExists = (path) => named.has(path) || fileExists(path)
  host.readFile = (path) => named.get(path)?.text ?? readFile(path)
  host.directoryExists = (path) => folders.has(path) || (directoryExists?.(path) ?? false)
  host.getSourceFile = (path, languageVersion, ...others) => {
    const fence = named.get(path)
    if (fence === undefined) return getSourceFile(path, languageVersion, ...others)
    const file = ts.createSourceFile(path, fence.text, languageVersion, true)
    file.impliedNodeFormat = ts.ModuleKind.ESNext
    return file
  }
  const program = ts.createProgram([...named.keys()], settings, host)
  return [...named].flatMap(([path, fence]) => {
    const file = program.getSourceFile(path)
    if (file === undefined) throw new Error(`${path} was not read`)
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map((diagnostic) => ({
      fence,
      line: fence.line + file.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line,
      message: ts.flattenDiagnosticMessageText(diagnostic.messageText, ' '),
    }))
  })
}

/** Puts each page's fences into a folder of their own below the root, where the packages resolve. @param {Fence} fence */
function virtualPath(fence) {
  const title = /\[([\w./-]+\.ts)\]/.exec(fence.rest)?.[1] ?? `line-${fence.line}.ts`
  return posix.join(root, '.fences', fence.file, title)
}
