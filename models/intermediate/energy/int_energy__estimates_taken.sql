-- Other tools' figures that stand where our model knows less: of a component that it
-- cannot tell, or tells of a processor that nobody named, or of the whole where nothing
-- else tells of all components and no part is measured. One row per run, attempt and
-- component.
with
    estimated as (
        select * from {{ ref("int_energy__components_estimated") }} where is_whole
    ),
    modelled as (select * from {{ ref("int_energy__components_modelled") }}),
    measured as (select * from {{ ref("int_energy__components_measured") }}),

    gaps as (
        select
            modelled.run_id,
            modelled.attempt,
            -- A machine nobody knows may have more components than the model names.
            max(
                case when modelled.component = 'cpu' then 1 else 0 end
            ) as unknown_machines,
            count(*) as unknown_components,
            count(estimated.component) as estimated_components,
            min(modelled.missing_reason) as model_missing_reason
        from modelled
        left join
            estimated
            on modelled.run_id = estimated.run_id
            and modelled.attempt = estimated.attempt
            and modelled.component = estimated.component
        where modelled.missing_reason is not null
        group by modelled.run_id, modelled.attempt
    ),

    attempts_measured as (
        select
            run_id,
            attempt,
            -- A node's meter and a node's estimate see the same.
            min(
                case when component = 'all' and boundary = 'node' then 1 else 0 end
            ) as node_meters
        from measured
        group by run_id, attempt
    ),

    -- The tool saw the processor; ours would be the mean of all processors, with the
    -- memory of their servers.
    unnamed_processors as (
        select modelled.run_id, modelled.attempt
        from modelled
        inner join
            estimated
            on modelled.run_id = estimated.run_id
            and modelled.attempt = estimated.attempt
            and modelled.component = estimated.component
        where modelled.component = 'cpu' and modelled.host_basis = 'unknown_hardware'
    ),

    estimates_judged as (
        select
            estimated.*,
            coalesce(
                modelled.missing_reason, gaps.model_missing_reason, 'unknown_hardware'
            ) as model_missing_reason,
            case
                when estimated.component = 'all'
                then
                    gaps.estimated_components < gaps.unknown_components
                    and (
                        attempts_measured.run_id is null
                        or (
                            attempts_measured.node_meters = 1
                            and estimated.boundary = 'node'
                        )
                    )
                when modelled.missing_reason is not null
                then true
                when
                    unnamed_processors.run_id is not null
                    and estimated.component in ('cpu', 'memory')
                then true
                when modelled.component is not null
                then false
                else gaps.unknown_machines = 1
            end as is_wanted
        from estimated
        left join
            gaps on estimated.run_id = gaps.run_id and estimated.attempt = gaps.attempt
        left join
            unnamed_processors
            on estimated.run_id = unnamed_processors.run_id
            and estimated.attempt = unnamed_processors.attempt
        left join
            modelled
            on estimated.run_id = modelled.run_id
            and estimated.attempt = modelled.attempt
            and estimated.component = modelled.component
        left join
            attempts_measured
            on estimated.run_id = attempts_measured.run_id
            and estimated.attempt = attempts_measured.attempt
    ),

    estimates_wanted as (
        select
            *,
            max(case when component = 'all' then 1 else 0 end) over (
                partition by run_id, attempt
            ) as wholes
        from estimates_judged
        where is_wanted
    ),

    final as (
        select
            run_id,
            attempt,
            component,

            boundary,
            meter,
            duration_hours,

            estimated_energy_kwh,

            model_missing_reason
        from estimates_wanted
        -- A figure of the whole stands for all components.
        where component = 'all' or wholes = 0
    )

select *
from final
