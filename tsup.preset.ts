import { defineConfig, type Options } from 'tsup'

/** The one build recipe of the workspace: ESM, Node 22, declarations, one output file per published door. */
export function preset(entry: Record<string, string>): ReturnType<typeof defineConfig> {
  const options: Options = {
    entry,
    format: ['esm'],
    target: 'node22',
    dts: true,
    clean: true,
    splitting: true,
    sourcemap: true,
    removeNodeProtocol: false,
    // Bundling it would part its JavaScript from its native binary.
    external: ['koffi'],
  }
  return defineConfig(options)
}
