// The data that a page draws: `run` and `columns` of forensic_report.json (docs/dashboard.md), as types for `tsc --checkJs`.
// Times are nanoseconds after `columns.start_time`, durations nanoseconds. A column that would hold nothing is left out.

/**
 * @typedef {object} PageData
 * @property {string} schema
 * @property {RunFacts} run
 * @property {Columns} columns
 */

/**
 * @typedef {object} RunFacts
 * @property {string} id
 * @property {string} pipeline
 * @property {string | null} profile
 * @property {string | null} result
 */

/**
 * @typedef {object} Columns
 * @property {number} start_time Unix ns; good to a microsecond, because it is a double here
 * @property {number} wall_ns
 * @property {number | null} [slots] 0: unlimited
 * @property {number | null} [cores]
 * @property {boolean} [inferred]
 * @property {StageColumns} stages
 * @property {AttemptColumns} attempts
 * @property {ChainColumns} [chain]
 * @property {SpanColumns} [spans]
 * @property {number} [spans_left_out]
 * @property {Tail[]} [tails]
 */

/**
 * @typedef {object} StageColumns
 * @property {string[]} id
 * @property {string[]} result
 * @property {number[]} start_ns
 * @property {number[]} end_ns
 * @property {(number | null)[]} [ready_ns]
 * @property {number[][]} [needs]
 * @property {number[]} [cost_ns]
 * @property {(number | null)[]} [queue_ns]
 * @property {(number | null)[]} [slack_ns]
 * @property {(number | null)[]} [drag_ns]
 * @property {number[]} [critical]
 * @property {number[]} [cached]
 * @property {(number | null)[]} [saved_ns]
 * @property {number[]} [inferred]
 * @property {(number | null)[]} [cpu_ns]
 * @property {(number | null)[]} [peak_memory_bytes]
 * @property {(number | null)[]} [exit_code]
 * @property {(string | null)[]} [error]
 * @property {(string | null)[]} [group]
 * @property {(string | null)[]} [member_of]
 * @property {number[]} [allow_failure]
 * @property {(string | null)[]} [skip_reason]
 * @property {(string | null)[]} [cached_from]
 * @property {(string | null)[]} [waited_for_pool]
 * @property {(string | null)[]} [child_run]
 * @property {(number | null)[]} [typical_ns]
 * @property {(string | null)[]} [change]
 */

/**
 * @typedef {object} AttemptColumns
 * @property {number[]} stage
 * @property {number[]} number
 * @property {string[]} result
 * @property {number[]} start_ns
 * @property {number[]} end_ns
 * @property {(number | null)[]} [ready_ns]
 * @property {number[]} [backoff_ns]
 * @property {(number | null)[]} [exit_code]
 * @property {(number | null)[]} [signal]
 * @property {(string | null)[]} [error]
 * @property {(number | null)[]} [cpu_user_ns]
 * @property {(number | null)[]} [cpu_system_ns]
 * @property {(number | null)[]} [peak_memory_bytes]
 * @property {(number | null)[]} [tree_peak_memory_bytes]
 * @property {(number | null)[]} [io_read_bytes]
 * @property {(number | null)[]} [io_written_bytes]
 * @property {number[]} [oom]
 * @property {(string | null)[]} [waited_for_pool]
 * @property {(number | null)[]} [submitted_ns]
 * @property {(string | null)[]} [worker]
 * @property {(string | null)[]} [node]
 * @property {number[]} [inferred]
 * @property {(string | 1 | null)[]} [stdout]
 * @property {(string | 1 | null)[]} [stderr]
 */

/**
 * @typedef {object} ChainColumns
 * @property {("execution" | "queue" | "backoff" | "overhead")[]} class
 * @property {(number | null)[]} stage
 * @property {(number | null)[]} attempt
 * @property {number[]} start_ns
 * @property {number[]} end_ns
 */

/**
 * @typedef {object} SpanColumns
 * @property {string[]} names
 * @property {number[]} name
 * @property {number[]} attempt
 * @property {number[]} parent
 * @property {number[]} start_ns
 * @property {number[]} duration_ns
 * @property {number[]} [error]
 */

/**
 * @typedef {object} Tail
 * @property {number} stage
 * @property {number} attempt
 * @property {string} path
 * @property {string[]} lines
 * @property {number} omitted_bytes
 */
