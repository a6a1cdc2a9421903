-- Parts of a machine's bill that pods and tasks used, where the provider splits it:
-- what a run's pods used of what the machine cost in that period, and, without a run,
-- what none of its pods used. One row per machine, period and run.
with
    charges as (select * from {{ ref("int_cost__charges_wanted") }}),
    direct_shares as (select * from {{ ref("int_cost__direct_shares") }}),

    machines as (
        select
            resource_text,
            charge_start_at_utc,
            period_end_at_utc,
            sum(effective_cost) as machine_cost
        from charges
        where x_split_effective_cost is null
        group by resource_text, charge_start_at_utc, period_end_at_utc
    ),

    pods as (
        select
            charges.parent_text,
            charges.charge_start_at_utc,
            charges.period_end_at_utc,
            direct_shares.run_id,
            {{
                exact_sum(
                    "cast(charges.x_split_effective_cost as double) * direct_shares.share"
                )
            }}
            as split_cost
        from charges
        inner join direct_shares on charges.charge_number = direct_shares.charge_number
        where charges.x_split_effective_cost is not null
        group by all
        union all
        select
            parent_text,
            charge_start_at_utc,
            period_end_at_utc,
            cast(null as string) as run_id,
            cast(sum(x_split_unused_cost) as double) as split_cost
        from charges
        where x_split_effective_cost is not null
        group by parent_text, charge_start_at_utc, period_end_at_utc
    ),

    final as (
        select
            machines.resource_text,
            machines.charge_start_at_utc,
            machines.period_end_at_utc,
            pods.run_id,

            greatest(
                coalesce(pods.split_cost, 0.0) / cast(machines.machine_cost as double),
                0.0
            ) as share,
            concat(
                'the provider splits ',
                pods.split_cost,
                ' of ',
                cast(machines.machine_cost as double),
                ' to its pods'
            ) as share_text
        from machines
        inner join
            pods
            on machines.resource_text = pods.parent_text
            and machines.charge_start_at_utc = pods.charge_start_at_utc
            and machines.period_end_at_utc = pods.period_end_at_utc
        where machines.machine_cost > 0
    )

select *
from final
