import { type ConformanceReport, countResults } from './report.js'

const marks = { passed: 'ok  ', failed: 'FAIL', 'not-applicable': '--  ' } as const

/** Renders a report for people: capabilities, then a line a check. */
export function renderText(report: ConformanceReport): string {
  const { passed, failed, 'not-applicable': notApplicable } = countResults(report)
  const width = Math.max(0, ...Object.keys(report.capabilities).map((name) => name.length))
  return [
    `${report.kind} plugin '${report.plugin}'`,
    '',
    ...Object.entries(report.capabilities).map(([name, value]) => `  ${name.padEnd(width)}  ${describeValue(value)}`),
    '',
    ...report.results.flatMap(({ id, title, status, reason }) => [
      `${marks[status]} ${id}: ${title}`,
      ...(reason === undefined ? [] : [`       ${reason.replaceAll('\n', '\n       ')}`]),
    ]),
    '',
    `${passed} passed, ${failed} failed, ${notApplicable} not applicable`,
    '',
  ].join('\n')
}

function describeValue(value: unknown): string {
  if (value === undefined) return 'no limit'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return Array.isArray(value) ? value.join(', ') : String(value)
}
