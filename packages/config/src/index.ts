export { configFileNames } from './config-file.js'
export { configJsonSchema } from './config-json-schema.js'
export {
  type BootProbeConfig,
  defineConfig,
  type HoldfastConfig,
  type LimitsConfig,
  type ObjectivesConfig,
  type PipelineConfig,
  type PipelineTargetConfig,
  type RetentionConfig,
} from './define-config.js'
export { type LoadConfigOptions, type LoadedConfig, loadConfig } from './load-config.js'
export { createSecretResolver, type SecretResolverOptions } from './secret-resolver.js'
