-- Servers that attempts held, in parts by vCPUs. One row per run and attempt.
with
    attempts as (select * from {{ ref("int_runs__resources") }}),
    servers as (select * from {{ ref("int_carbon__embodied_servers") }}),

    attempts_served as (
        select
            attempts.run_id,
            attempts.attempt,
            attempts.instance_count,
            attempts.duration_hours,
            attempts.hardware_origin,
            attempts.missing_reason,
            servers.*,
            -- Nobody holds more of a server than the server.
            case
                when
                    servers.embodied_method <> 'vcpu_default'
                    and attempts.powered_vcpus_per_instance > servers.per_vcpus
                then servers.per_vcpus
                else attempts.powered_vcpus_per_instance
            end as vcpus_held
        from attempts
        left join
            servers
            on attempts.hardware_key = servers.hardware_key
            -- A machine nobody knows is the same everywhere.
            and case
                when attempts.hardware_key = '*' then '*' else attempts.provider_code
            end
            = servers.provider_code
            and case
                when attempts.hardware_key = '*' then '' else attempts.site_name
            end
            = servers.site_name
    ),

    final as (
        select
            run_id,
            attempt,
            'server' as part,

            embodied_method,

            kg_co2e,
            low_kg_co2e,
            high_kg_co2e,
            vcpus_held / per_vcpus * instance_count as quantity,
            case
                when embodied_method = 'vcpu_default' then 'vCPU' else 'server'
            end as quantity_unit,
            duration_hours,
            lifetime_hours,

            kg_arithmetic,
            concat(
                vcpus_held, ' / ', per_vcpus, ' * ', instance_count
            ) as quantity_arithmetic,
            hardware_origin,
            factor_key,
            source_id,
            uncertainty_key,
            missing_reason
        from attempts_served
    )

select *
from final
