-- What each word is that run events, CodeCarbon, MLflow or Slurm give for a meter: a
-- counter, samples of power or an estimate, and how sure it is. One row per meter word.
with
    readings as (select * from {{ ref("stg_run_events__energy_readings") }}),
    tracked as (select * from {{ ref("int_energy__codecarbon_readings") }}),
    meters as (select * from {{ ref("meters") }}),

    words as (
        select coalesce(meter, 'unnamed meter') as meter
        from readings
        union
        select meter
        from tracked
        union
        select 'slurm_energy' as meter
        union
        select 'mlflow' as meter
    ),

    rules_ranked as (
        select
            words.meter,
            meters.is_meter,
            meters.signal,
            meters.uncertainty_key,
            row_number() over (
                partition by words.meter order by meters.priority
            ) as preference
        from words
        inner join meters on {{ alias_key("words.meter") }} like meters.meter_like
    ),

    final as (
        select meter, is_meter, signal, uncertainty_key
        from rules_ranked
        where preference = 1
    )

select *
from final
