-- Manufacture of one accelerator of each model: its own figure; a GPU without one has
-- the figure of any GPU, other accelerators stay unknown. One row per accelerator
-- model.
with
    accelerators as (select * from {{ ref("int_energy__accelerator_facts") }}),
    constants as (select * from {{ ref("int_carbon__embodied_constants") }}),

    final as (
        select
            accelerators.accelerator_model,

            case
                when accelerators.embodied_kg_co2e is not null
                then accelerators.embodied_method
                when accelerators.kind = 'gpu' and constants.gpu_kg_co2e is not null
                then 'gpu_default'
            end as embodied_method,

            case
                when accelerators.embodied_kg_co2e is not null
                then accelerators.embodied_kg_co2e
                when accelerators.kind = 'gpu'
                then constants.gpu_kg_co2e
            end as kg_co2e,
            accelerators.embodied_low_kg_co2e as low_kg_co2e,
            accelerators.embodied_high_kg_co2e as high_kg_co2e,
            constants.accelerator_lifetime_years * 8760 as lifetime_hours,

            case
                when accelerators.embodied_kg_co2e is not null
                then concat('accelerators: ', accelerators.accelerator_model)
                when accelerators.kind = 'gpu'
                then 'embodied_constants: gpu_kg_co2e'
            end as factor_key,
            case
                when accelerators.embodied_kg_co2e is not null
                then accelerators.embodied_source_id
                when accelerators.kind = 'gpu'
                then constants.gpu_kg_co2e_source_id
            end as source_id,
            case
                when accelerators.embodied_kg_co2e is not null
                then accelerators.embodied_method
                when accelerators.kind = 'gpu'
                then 'default'
            end as uncertainty_key
        from accelerators
        cross join constants
    )

select *
from final
