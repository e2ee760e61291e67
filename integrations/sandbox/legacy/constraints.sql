-- Keys of the old side, made after the rows: names and actions as SQLAlchemy leaves them to PostgreSQL.

ALTER TABLE users ADD CONSTRAINT uq_users_provider_identity UNIQUE (auth_provider, auth_provider_id);
ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (email);
ALTER TABLE users ADD CONSTRAINT users_username_key UNIQUE (username);
ALTER TABLE members ADD CONSTRAINT members_email_key UNIQUE (email);
ALTER TABLE ministry_departments ADD CONSTRAINT ministry_departments_name_key UNIQUE (name);
ALTER TABLE donations ADD CONSTRAINT donations_reference_key UNIQUE (reference);
ALTER TABLE donations ADD CONSTRAINT donations_transaction_id_key UNIQUE (transaction_id);
ALTER TABLE service_integrations ADD CONSTRAINT uq_service_provider UNIQUE (service, provider);

ALTER TABLE members ADD CONSTRAINT members_household_id_fkey
    FOREIGN KEY (household_id) REFERENCES households (id);
ALTER TABLE members ADD CONSTRAINT members_user_id_fkey
    FOREIGN KEY (user_id) REFERENCES users (id);
ALTER TABLE care_interactions ADD CONSTRAINT care_interactions_created_by_id_fkey
    FOREIGN KEY (created_by_id) REFERENCES users (id);
ALTER TABLE care_interactions ADD CONSTRAINT care_interactions_member_id_fkey
    FOREIGN KEY (member_id) REFERENCES members (id);
ALTER TABLE ministry_departments ADD CONSTRAINT ministry_departments_lead_id_fkey
    FOREIGN KEY (lead_id) REFERENCES users (id) ON DELETE SET NULL;
ALTER TABLE volunteer_roles ADD CONSTRAINT volunteer_roles_coordinator_id_fkey
    FOREIGN KEY (coordinator_id) REFERENCES users (id) ON DELETE SET NULL;
ALTER TABLE volunteer_roles ADD CONSTRAINT volunteer_roles_department_id_fkey
    FOREIGN KEY (department_id) REFERENCES ministry_departments (id) ON DELETE CASCADE;
ALTER TABLE volunteer_assignments ADD CONSTRAINT volunteer_assignments_event_id_fkey
    FOREIGN KEY (event_id) REFERENCES events (id) ON DELETE CASCADE;
ALTER TABLE volunteer_assignments ADD CONSTRAINT volunteer_assignments_role_id_fkey
    FOREIGN KEY (role_id) REFERENCES volunteer_roles (id) ON DELETE CASCADE;
ALTER TABLE volunteer_assignments ADD CONSTRAINT volunteer_assignments_volunteer_id_fkey
    FOREIGN KEY (volunteer_id) REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE events ADD CONSTRAINT events_department_id_fkey
    FOREIGN KEY (department_id) REFERENCES ministry_departments (id) ON DELETE SET NULL;
ALTER TABLE events ADD CONSTRAINT events_volunteer_role_id_fkey
    FOREIGN KEY (volunteer_role_id) REFERENCES volunteer_roles (id) ON DELETE SET NULL;
ALTER TABLE automation_steps ADD CONSTRAINT automation_steps_automation_id_fkey
    FOREIGN KEY (automation_id) REFERENCES automations (id);
ALTER TABLE resources ADD CONSTRAINT resources_facility_id_fkey
    FOREIGN KEY (facility_id) REFERENCES facilities (id);
ALTER TABLE facility_reservations ADD CONSTRAINT facility_reservations_event_id_fkey
    FOREIGN KEY (event_id) REFERENCES events (id);
ALTER TABLE facility_reservations ADD CONSTRAINT facility_reservations_facility_id_fkey
    FOREIGN KEY (facility_id) REFERENCES facilities (id);
ALTER TABLE resource_allocations ADD CONSTRAINT resource_allocations_reservation_id_fkey
    FOREIGN KEY (reservation_id) REFERENCES facility_reservations (id);
ALTER TABLE resource_allocations ADD CONSTRAINT resource_allocations_resource_id_fkey
    FOREIGN KEY (resource_id) REFERENCES resources (id);
ALTER TABLE attendance_records ADD CONSTRAINT attendance_records_event_id_fkey
    FOREIGN KEY (event_id) REFERENCES events (id);
ALTER TABLE attendance_records ADD CONSTRAINT attendance_records_role_id_fkey
    FOREIGN KEY (role_id) REFERENCES volunteer_roles (id);
ALTER TABLE attendance_records ADD CONSTRAINT attendance_records_volunteer_id_fkey
    FOREIGN KEY (volunteer_id) REFERENCES users (id);
