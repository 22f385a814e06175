import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'

/** Imports a module in a process of its own, and returns the files that this loaded. */
function filesLoadedWith(specifier: string): string[] {
  const program = `
    import { registerHooks } from 'node:module'
    const urls = []
    registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) })
    await import(${JSON.stringify(specifier)})
    console.log(JSON.stringify(urls))`
  const args = ['--input-type=module', '--eval', program]
  return JSON.parse(execFileSync(process.execPath, args, { cwd: import.meta.dirname, encoding: 'utf8' })) as string[]
}

// Every command of the program waits for it: the readers of all formats and an XML parser took 80 ms.
it.each(['@holdfast/source-image', '@holdfast/machine-files'])('%s loads no format before an image has it', (name) => {
  const files = filesLoadedWith(name)
  expect(files).toContainEqual(expect.stringContaining('/packages/formats/'))
  const early = /\/formats\/dist\/(codecs|raw|vmdk|vhd|vhdx|qcow2)\.js$|\/descriptions\/|\/fast-xml-parser\//
  expect(files.filter((file) => early.test(file))).toEqual([])
})
