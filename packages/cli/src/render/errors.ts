import { isBackupError } from '@holdfast/core'
import { printable, printableLines } from './printable.js'

const defectHint = 'This is a defect. Run it again with HOLDFAST_DEBUG=1 and report what it prints.'

/** How errors are shown. */
export interface ErrorStyle {
  /** Emphasises what is wrong. */
  readonly strong: (text: string) => string
  readonly faint: (text: string) => string
  /** Add the stack of the error and of each cause. */
  readonly stacks: boolean
}

/** Describes an error for people: what, the code, where, what to do. */
export function renderError(error: unknown, style: ErrorStyle): string {
  const lines = individualErrors(error).flatMap((one) => describe(errorDocument(one), style))
  if (style.stacks) lines.push(...stackLines(error).map(style.faint))
  return `${lines.join('\n')}\n`
}

/** Describes an error of a report. */
export function renderErrorDocument(document: ErrorDocument, style: ErrorStyle): string {
  return `${describe(document, style).join('\n')}\n`
}

/** The parts of an error that a machine can use. */
export interface ErrorDocument {
  readonly code: string
  readonly message: string
  readonly hint?: string
  readonly plugin?: string
  readonly operation?: string
  readonly context?: Readonly<Record<string, string | number>>
}

/** Describes an error for `--json`. */
export function errorDocument(error: unknown): ErrorDocument {
  if (!isBackupError(error)) return { code: 'E_PLUGIN_UNEXPECTED', message: messageOf(error), hint: defectHint }
  const { code, message, hint, plugin, operation, context } = error
  return {
    code,
    message,
    ...(hint !== undefined && { hint }),
    ...(plugin !== undefined && { plugin }),
    ...(operation !== undefined && { operation }),
    ...(Object.keys(context).length > 0 && { context }),
  }
}

/** A configuration with several mistakes says each on its own; so does a failure while closing after a failure. */
function individualErrors(error: unknown): readonly unknown[] {
  if (isBackupError(error)) {
    const { cause } = error
    return error.code === 'E_CONFIG' && cause instanceof AggregateError ? cause.errors : [error]
  }
  if (error instanceof AggregateError) return error.errors.flatMap(individualErrors)
  if (error instanceof Error && error.name === 'SuppressedError' && 'suppressed' in error && 'error' in error) {
    return [...individualErrors(error.suppressed), ...individualErrors(error.error)]
  }
  return [error]
}

function describe(document: ErrorDocument, { strong, faint }: ErrorStyle): readonly string[] {
  const [first = '', ...rest] = printableLines(document.message)
  const place = placeOf(document)
  const hint = printableLines(document.hint ?? '').filter((line) => line !== '')
  return [
    `holdfast: ${strong(first)} ${faint(`[${document.code}]`)}`,
    ...rest.map((line) => `  ${line}`),
    ...(place === '' ? [] : [`  at: ${place}`]),
    ...hint.map((line, i) => (i === 0 ? `  try: ${line}` : `       ${line}`)),
  ]
}

function placeOf({ code, context = {}, plugin, operation }: ErrorDocument): string {
  // The message of a configuration error starts with the place.
  if (code === 'E_CONFIG' && context['file'] !== undefined) return ''
  const parts: (readonly [string, string | number])[] = Object.entries(context).filter(([, value]) => value !== '')
  if (plugin !== undefined) parts.push(['plugin', plugin])
  if (operation !== undefined) parts.push(['operation', operation])
  return printable(parts.map(([name, value]) => `${name} ${value}`).join(', '))
}

function stackLines(error: unknown): string[] {
  if (!(error instanceof Error)) return [printable(String(error))]
  const own = printableLines(error.stack ?? error.message)
  const causes = error.cause === undefined ? [] : ['caused by:', ...stackLines(error.cause)]
  const members =
    error instanceof AggregateError ? error.errors.flatMap((member) => ['with:', ...stackLines(member)]) : []
  return [...own, ...causes, ...members]
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
