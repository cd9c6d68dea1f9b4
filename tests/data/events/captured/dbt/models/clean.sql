{{ config(materialized="table") }}
select age, income from {{ ref("applications") }} where income is not null
