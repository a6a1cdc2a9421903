-- Machine-learning runs with what they used, emitted and cost. One row per run.
select * from {{ ref("int_runs__runs") }}
