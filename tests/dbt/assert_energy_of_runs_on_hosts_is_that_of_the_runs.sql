-- What runs used of known hosts is what those runs used.
with
    days as (select * from {{ ref("int_carbon__host_days") }}),
    host_attempts as (select * from {{ ref("int_energy__host_attempts") }}),
    energy as (select * from {{ ref("int_energy__attempts") }}),

    attempts_on_hosts as (
        select run_id, attempt from host_attempts group by run_id, attempt
    ),

    attempts_added_up as (
        select
            {{ exact_sum("energy.it_energy_kwh") }} as it_energy_kwh,
            {{ exact_sum("energy.facility_energy_kwh") }} as facility_energy_kwh,
            count(*) - count(energy.facility_energy_kwh) as unknown
        from energy
        inner join attempts_on_hosts using (run_id, attempt)
    ),

    days_added_up as (
        select
            {{ exact_sum("it_energy_kwh") }} as it_energy_kwh,
            {{ exact_sum("facility_energy_kwh") }} as facility_energy_kwh
        from days
        where allocation = 'run'
    )

select *
from attempts_added_up
cross join days_added_up
where
    attempts_added_up.unknown = 0
    and (
        abs(attempts_added_up.it_energy_kwh - days_added_up.it_energy_kwh)
        > 1e-9 * attempts_added_up.it_energy_kwh
        or abs(
            attempts_added_up.facility_energy_kwh - days_added_up.facility_energy_kwh
        )
        > 1e-9 * attempts_added_up.facility_energy_kwh
    )
