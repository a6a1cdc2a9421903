-- Accelerators and the power their model runs between. One row per accelerator model.
with
    facts as (select * from {{ ref("int_energy__accelerator_facts") }}),
    modelled as (select * from {{ ref("int_energy__accelerators") }}),

    final as (
        select
            facts.accelerator_model,
            facts.vendor,
            facts.kind,

            cast(facts.memory_gib as double) as memory_gib,
            modelled.idle_w,
            modelled.max_w,
            modelled.training_power_fraction as training_power_ratio,

            facts.source_id,
            facts.idle_source_id,
            facts.training_source_id,
            modelled.missing_reason
        from facts
        inner join modelled on facts.accelerator_model = modelled.accelerator_model
    )

select *
from final
