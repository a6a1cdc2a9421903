-- Attempts with what is told of the number of their accelerators: on each machine, and
-- in a slice of TPUs together. One row per run and attempt.
with
    attempts as (select * from {{ ref("int_runs__equipped") }}),

    -- A slice of TPUs tells its chips: by its topology, or by the number in its name,
    -- where the job counts the slice as one or repeats that number.
    final as (
        select
            *,
            coalesce(
                cast(split_part(topology, 'x', 1) as double)
                * cast(split_part(topology, 'x', 2) as double)
                * cast(
                    coalesce(nullif(split_part(topology, 'x', 3), ''), '1') as double
                ),
                case
                    when coalesce(accelerator_count, 1) in (1, number_in_name)
                    then slice_devices
                end
            ) as slice_chips,
            -- A MIG slice is of no count that its machine could tell.
            coalesce(
                case
                    when slice_devices is null
                    then accelerator_count
                    when accelerator_count not in (1, number_in_name)
                    then accelerator_count
                end,
                case when not coalesce(is_mig, false) then machine_accelerators end
            ) as told_accelerators
        from attempts
    )

select *
from final
