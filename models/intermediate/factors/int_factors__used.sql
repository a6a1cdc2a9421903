-- Factors that figures of runs rest on, as int_factors__values calls them; the source
-- is null where the name alone tells. One row per factor table, source and name.
with
    run_hours as (select * from {{ ref("int_carbon__run_hours") }}),
    pue as (select * from {{ ref("int_carbon__pue") }}),
    components as (select * from {{ ref("int_energy__components_before_pue") }}),
    embodied as (select * from {{ ref("int_carbon__embodied") }}),
    accelerators as (select * from {{ ref("int_energy__accelerator_facts") }}),
    constants as (select * from {{ ref("stg_factors__power_constants") }}),

    grid_used as (
        -- A year's figure in the shape of typical days names both of its sources.
        select
            'grid_intensity_yearly' as factor_table,
            split_part(factor_source_id, ' in the shape of ', 1) as source_id,
            concat(factor_zone, ' ', factor_year, ' ', factor_version) as used_as
        from run_hours
        union all
        select
            'hourly_profiles' as factor_table,
            split_part(factor_source_id, ' in the shape of ', 2) as source_id,
            'hourly_profiles' as used_as
        from run_hours
    ),

    pue_used as (
        select
            'pue_yearly' as factor_table,
            pue.pue_source_id as source_id,
            concat(
                pue.provider_code,
                ' ',
                case
                    when pue.pue_resolution in ('fleet_yearly', 'tool_default')
                    then '*'
                    else pue.region
                end,
                ' ',
                pue.pue_year,
                ' ',
                pue.pue_resolution
            ) as used_as
        from run_hours
        inner join
            pue
            on run_hours.provider_code = pue.provider_code
            and run_hours.region = pue.region
            and year(run_hours.hour_start_utc) = pue.year
    ),

    named_used as (
        select power_factor_key as used_as
        from components
        union all
        select factor_key as used_as
        from embodied
        union all
        select replace(utilization_origin, 'default: ', 'power_constants: ') as used_as
        from components
        where utilization_origin like 'default: %'
        union all
        -- Between idle and maximum an accelerator follows g(u).
        select concat('power_constants: ', constants.factor_key) as used_as
        from components
        inner join constants on constants.factor_key like 'accelerator#_g#_%' escape '#'
        where components.power_factor_key like 'accelerators: %'
        union all
        select 'power_constants: accelerator_idle_ratio_default' as used_as
        from components
        inner join
            accelerators
            on components.power_factor_key
            = concat('accelerators: ', accelerators.accelerator_model)
        where accelerators.idle_w is null
    ),

    used as (
        select factor_table, source_id, used_as
        from grid_used
        union all
        select factor_table, source_id, used_as
        from pue_used
        union all
        select
            split_part(used_as, ': ', 1) as factor_table,
            cast(null as string) as source_id,
            used_as
        from named_used
    ),

    final as (
        select factor_table, source_id, used_as
        from used
        where used_as is not null and coalesce(source_id, ' ') <> ''
        group by factor_table, source_id, used_as
    )

select *
from final
